"""Wrong flags, treatments and splits, and the words of their messages."""

import dataclasses
import pathlib


@dataclasses.dataclass(frozen=True)
class Bad:
    """A command that must be refused.

    Attributes:
      binary: Its name without `yosinski-`.
      arguments: Its arguments.
      words: Words of its one sentence: what it needs, what it found, what to do.
      plain_user: Whether it must be run without the rights of root.
    """

    binary: str
    arguments: tuple[str, ...]
    words: tuple[str, ...]
    plain_user: bool = False


def study(*arguments: str, words: tuple[str, ...], plain_user: bool = False) -> Bad:
    """`yosinski-study` with these arguments."""
    return Bad("study", arguments, words, plain_user)


# A row is a command without `yosinski-`, and the words of its message.
SINGLE_FLAGS = """
study --steps=1.5 | --steps | needs an integer | '1.5' | --help
study --learning_rate=fast | --learning_rate | a number | 'fast' | --help
study --mirror=perhaps | --mirror | true or false | 'perhaps'
study --measure=top2 | --measure | one of top1_mean_of | 'top2' | --help
study --steps=0 | --steps | needs at least 1 | found 0
study --batch_size=-4 | --batch_size | needs at least 1 | found -4
study --learning_rate=-1 | --learning_rate | a number above 0 | found -1
study --learning_rate=nan | --learning_rate | a finite number | found nan
study --learning_rate=inf | --learning_rate | a finite number | found inf
study --weight_decay=nan | --weight_decay | a finite number | found nan
study --bias_rate=inf | --bias_rate | a finite number | found inf
study --rate=nan | --rate | a finite number | found nan
study --rate=0 | --rate | number >= 1e-06 | found '0'
study --checkpoint_every=soon | --checkpoint_every | or minutes, such as 500steps \
    | found 'soon'
study --checkpoint_every=0 | --checkpoint_every | at least 1 step | found '0'
study --momentum=1 | --momentum | at least 0 and under 1 | found 1.0
study --drop_factor=2 | --drop_factor | above 0 and at most 1 | found 2.0
study --dropout=1 | --dropout | at least 0 and under 1 | found 1.0
study --precision=half | --precision | auto, float32, bf | found 'half'
study --mean=median | --mean | pixel, image | found median
study --activation=tanh | needs one of relu, leaky_relu, elu | 'tanh'
study --network=vgg | needs mini, caffenet, resnet_mini, keras:NAME | found 'vgg'
study --network=VGG16 | found 'VGG16' | write keras:VGG16
study --network=keras:VGG16(2) | an argument without its name | MobileNetV2(alpha=0.5)
study --network=python:nets.py:small | found 'python:nets.py: | write python:nets:FUNC
study --network=file:none.keras | needs a .keras file that can be | name another
study --network=resnet_mini --widths=1,2 | --widths is for caffenet and mini | leave out
study --stages=block | --stages is for networks of Keras | found --network=mini
study --network=resnet_mini --pixels=bgr | --pixels needs one of mean, caffe | 'bgr'
study --network=resnet_mini --norm_momentum=1 | at least 0 and under 1 | found 1.0
study --network=mini --source=file:a.keras | its own network | leave out --network
study --source=file:a.keras --pixels=mean | --pixels=mean is for networks
study --source=model.keras | --source needs file:MODEL.keras | 'model.keras'
study --source=file:none.keras | needs a .keras file that can be read | none.keras
study --source=run:nowhere/base | no study folder at nowhere | --runs=DIR
study --treatments=P3B | copies from a network | found no --source | name it
study --calibrate_random | needs batch normalisation, found none in mini | leave it out
study --distribution=wide | --distribution | one of none, mirrored, found 'wide'
study --devices=0 | --devices | a positive integer | found '0' | --help
study --devices=2 | --devices | needs --distribution=mirrored, found none | leave out
study --distribution=multi_worker | one of none, mirrored, found 'multi_worker'
study --gpus=0 | --gpus needs different numbers of GPUs, found '0' and no GPU \
    | leave out --gpus
study --gpus=0 --engine=ray | --gpus=0 is for --engine=local | leave out --gpus
study --engine=spark | --engine | one of local, ray, found 'spark'
study --ray_address=auto | needs --engine=ray, found --engine=local | leave out
study --retries=-1 | --retries | found '-1'
study --processes=0 | --processes | a positive integer | found '0' | --help
study --cohort_size=0 | --cohort_size | auto or a positive | found '0'
study --cohort_size=all | --cohort_size | auto or a | found 'all'
study --validate_every=0 | --validate_every | at least 1 | found 0
study --image_size=4 | --image_size | at least 8 | found 4
study --image_size=1000000 | 1000000 x 1000000 | 24000.00 GB \
    | choose a smaller image size
study --widths=4,4 | --widths needs seven | found [4, 4] | conv1
study --widths=4,4,4,4,4,8,0 | --widths needs seven positive | 8, 0]
study --widths=a,b | --widths | whole numbers | 'a,b' | give some
study --seeds= | --seeds | whole numbers | found '' | such as 0,1,2
study --seeds=one | --seeds | whole numbers | 'one' | such as
study --seeds=-1 | --seeds | whole numbers | '-1' | such as 0,1
study --seeds=4294967296 | --seeds | up to 4294967295 | '4294967296'
study --seeds=0,0 | seed 0 is named twice | name it once
study --rate_drops=late | --rate_drops | 1200 | 10% | found 'late'
study --rate_drops=9,5 | --rate_drops | rising steps | found (9, 5)
study --rate_drops=nan% | --rate_drops | such as 10% | found 'nan%'
study --optimizer=adam | --optimizer | one of sgd, adamw | found 'adam' | --help
study --schedule=linear | --schedule | one of steps, cosine | found 'linear' | --help
study --warmup=slowly | --warmup | 1200 | 10% | found 'slowly'
study --warmup=-1 | --warmup | from 0 to under 12 steps | found -1
study --warmup=100% | --warmup | from 0 to under 12 steps | found 12
study --runs= | --runs needs a folder | found none
study --stepz=5 | unknown flag --stepz | did you mean --steps? | --help
export --runn=x | unknown flag --runn | did you mean --run or --runs? | --help
explain --run=x | unknown flag --run: did you mean --runs? | --help
explain --treatments=AnB | --treatments is for other commands | leave it out
report --noexplain | --explain is for other commands | leave it out
base --export=best | --export is for other commands | leave it out
study A3B | 'A3B' | start with -- | --help
study --flagfile=nowhere.flags | nowhere.flags
study --treatments=A3C | unknown treatment 'A3C' | give baseA | A3B | P3W
study --treatments=a3b | unknown treatment 'a3b' | such as A3B
study --treatments=R3B+ | 'R3B+' | R3B (or R3W) for random frozen
study --treatments=A0B | 'A0B' copies 0 | give n from 1 on
study --treatments=A8B | mini has 8 stages | n from 1 to 7 | found A8B
study --treatments=A6B~2 | 1 to 7 | found A6B~2, which copies 8
study --treatments=A3B~0 | 'A3B~0' preserves 0 layers: leave out ~0
study --treatments=A3B,A3B | 'A3B' is named twice | name it once
study --treatments= | --treatments needs at least one | A3B,A3B+
study --split= | --split needs at least one | such as random:0
study --split=halves | 'halves' | give random:SEED
study --split=random:4294967296 | from 0 to 4294967295, found 4294967296
study --split=random:0,random:0 | split 'random-0' is named twice \
    | name it once
study --split=first:0 --treatments=baseW | at least 1 training image of each \
    | found first:0
study --train_per_class=0 | --train_per_class | a positive integer | found '0'
study --split=natural_manmade | needs ILSVRC WordNet ids | found 'ant' | give file:PATH
study --plan=paper | --plan needs one of released | found 'paper'
study --dataset=mnist | 'mnist' | give one of embedded
study --dataset=tfds: | 'tfds:' | tfds:NAME
"""
CONTRADICTIONS = """
study --crop_size=17 | --crop_size needs from 8 to the image size, 16, found 17
study --network=caffenet --widths=2,4,4,4,4,8,8 | at least 39 x 39 | found 16 x 16 \
    | raise --image_size
study --network=caffenet --image_size=64 --widths=2,4,4,5,4,8,8 | needs even numbers \
    | two groups | found [2, 4, 4, 5, 4]
study --rate_drops=2000 | --rate_drops needs steps up to | --steps=12 | '2000' | give an
study --rate_drops=150% | --rate_drops needs steps up to | --steps=12 | '150%' | 10%
study --warmup=13 | --warmup needs steps up to | --steps=12 | '13' | give an
study --optimizer=adamw --precision=float16 | --precision=bfloat16 or float32 \
    | found float16 | give one
study --num_outputs=1 | --num_outputs needs at least | 2 | found 1
study --split=first:2 --train_per_class=2 --treatments=baseW \
    | first:2 takes | leave out --train_per_class
study --split=first:2 | first:2 has no half | found baseA: give baseW | choose another
study {data} --held_out=0.2 | --held_out=0.2 needs a folder without a | give folder
study --dataset=embedded --held_out=0.2 | --held_out needs | found 'embedded' \
    | =0.2: leave it out
study --dataset=embedded --data_dir=x | --data_dir needs | found 'embedded' \
    | =x: leave it out
study {data} --runs={images}/train/runs | --runs needs a folder outside the images \
    | where folders are taken for classes | give one such as --runs=/
study {data} --data_dir=x | --data_dir needs | =x: leave it out
study {data}/train --held_out=0 | between 0 and 1 | found 0.0: give | such as 0.2
study {data}/train --held_out=1 | between 0 and 1 | found 1.0: give | such as 0.2
study {data}/train --held_out=20 | between 0 and 1 | found 20.0: give | such as 0.2
study {data}/train --held_out=nan | --held_out needs a finite number, found nan
study {data}/train --held_out=0.5 | ant needs an image for | found one image \
    | add another
study {data}/train | needs folders train and val | give a share
study --distribution=mirrored --processes=2 | =mirrored needs one cohort at a time \
    | --processes=2 | leave it
study --distribution=mirrored --feature_cache=on | =mirrored needs frozen \
    | found --feature_cache=on | leave it out
study --distribution=mirrored --devices=3 | --batch_size needs a multiple \
    | 3 devices, found 4 | set
study --plan=released --treatments=A3B | --plan=released | leave out --treatments
base --plan=released | is for yosinski-study | add --plan=
base --treatments=A3B | trains base networks | found A3B | use yosinski-transfer
transfer --treatments=baseA | found baseA | use yosinski-base
transfer | --treatments needs at least one | such as A3B
transfer {data} --treatments=A3B | random-0_baseA_seed0 is missing | yosinski-base \
    | --with_bases
study {data} --export=../x --treatments=baseA | --export needs best, best:A or \
    | '../x' | such as random-0_baseA_seed0
study {data} --export=best:B --treatments=baseA | --export needs best, best:A or \
    | 'best:B' | such as random-0_baseA_seed0
study {data} --explain --treatments=R1B | --explain needs a base network in the study \
    | found none | such as baseB
explain --runs=nowhere | no study folder at nowhere | give --runs=DIR
export | --run names nothing to export | give best, or the id of a run
export --run=best:C | --run needs best, best:A, best:B, | found 'best:C' | give one
export --format=onnx | --format | one of saved_model, keras | found 'onnx' | --help
export --format=keras --run=x --out=model.h5 | --format=keras needs a file that ends \
    | found --out=model.h5 | name one
"""
BENCHMARKS = """
benchmark | needs what to measure | first word, one of input, train, study, found ''
benchmark output | one of input | found 'output' | see --help
benchmark input --crop_size=300 | --crop_size needs at most the image size
benchmark input --image_size=16 --crop_size=17 | at most the image size, 16 | found 17
benchmark input --records=3 | --records needs | 500 | '3' | --help
benchmark train --measure=speed | --measure needs some of step, growth, input
benchmark train --measure= | some of step, growth, input, found ''
benchmark train --rounds=0 | --rounds | a positive integer | '0'
benchmark train --steps=1 | --steps | integer >= 2 | '1'
benchmark train --photographs=x | unknown flag --photographs: see --help
benchmark study --treatments=baseB,A3A | A3B,B3B+, found 'A3A'
benchmark study --treatments=A3B | --treatments needs baseB
"""


def flags(images: pathlib.Path) -> dict[str, Bad]:
    """These commands by row, with a data set of good images in them."""
    digits = f"--seeds={'9' * 5000}"
    many = study(digits, words=("--seeds", "whole numbers", "give"))
    found = {"seed of 5000 digits": many}
    for row in (SINGLE_FLAGS + CONTRADICTIONS + BENCHMARKS).splitlines():
        command, *words = (part.strip() for part in row.split(" | "))
        if command:
            filled = command.replace("{data}", f"--dataset=folder:{images}")
            filled = filled.replace("{images}", str(images))
            binary, *arguments = filled.split()
            found[command] = Bad(binary, tuple(arguments), tuple(words))
    return found
