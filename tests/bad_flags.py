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


def _flag(argument: str, *words: str) -> Bad:
    """`yosinski-study` with one flag, whose name the sentence must contain."""
    return study(argument, words=(argument.split("=")[0], *words))


def single_flags() -> dict[str, Bad]:
    """Types and ranges of single flags."""
    return {
        "whole number": _flag("--steps=1.5", "needs an integer", "'1.5'", "--help"),
        "number": _flag("--learning_rate=fast", "a number", "'fast'", "--help"),
        "yes or no": _flag("--mirror=perhaps", "true or false", "'perhaps'"),
        "choice": _flag("--measure=top2", "one of top1_mean_of", "'top2'", "--help"),
        "no steps": _flag("--steps=0", "needs at least 1", "found 0"),
        "negative batch": _flag("--batch_size=-4", "needs at least 1", "found -4"),
        "negative rate": _flag("--learning_rate=-1", "a number above 0", "found -1"),
        "rate no number": _flag("--learning_rate=nan", "a finite number", "found nan"),
        "rate endless": _flag("--learning_rate=inf", "a finite number", "found inf"),
        "decay no number": _flag("--weight_decay=nan", "a finite number", "found nan"),
        "bias rate endless": _flag("--bias_rate=inf", "a finite number", "found inf"),
        "speed no number": _flag("--rate=nan", "a finite number", "found nan"),
        "speed zero": _flag("--rate=0", "number >= 1e-06", "found '0'"),
        "no checkpoint interval": _flag(
            "--checkpoint_every=soon", "or minutes, such as 500steps", "found 'soon'"
        ),
        "checkpoints of no steps": _flag(
            "--checkpoint_every=0", "at least 1 step", "found '0'"
        ),
        "momentum": _flag("--momentum=1", "at least 0 and under 1", "found 1.0"),
        "drop factor": _flag("--drop_factor=2", "above 0 and at most 1", "found 2.0"),
        "dropout": _flag("--dropout=1", "at least 0 and under 1", "found 1.0"),
        "precision": _flag("--precision=half", "auto, float32, bf", "found 'half'"),
        "mean": _flag("--mean=median", "pixel, image", "found median"),
        "activation": study(
            "--activation=tanh", words=("needs one of relu, leaky_relu, elu", "'tanh'")
        ),
        "network": study("--network=vgg", words=("needs one of", "mini", "'vgg'")),
        "distribution": _flag(
            "--distribution=wide", "one of none, mirrored, multi_worker", "found 'wide'"
        ),
        "devices": _flag("--devices=0", "a positive integer", "found '0'", "--help"),
        "devices of nothing": _flag(
            "--devices=2", "needs --distribution=mirrored, found none", "leave out"
        ),
        "workers unknown": _flag(
            "--distribution=multi_worker", "variable TF_CONFIG, found none", "set it on"
        ),
        "processes": _flag(
            "--processes=0", "a positive integer", "found '0'", "--help"
        ),
        "cohort size": _flag("--cohort_size=0", "auto or a positive", "found '0'"),
        "cohort size in words": _flag("--cohort_size=all", "auto or a", "found 'all'"),
        "validation": _flag("--validate_every=0", "at least 1", "found 0"),
        "small images": _flag("--image_size=4", "at least 8", "found 4"),
        "huge images": study(
            "--image_size=1000000",
            words=("1000000 x 1000000", "24000.00 GB", "choose a smaller image size"),
        ),
        "too few widths": study(
            "--widths=4,4", words=("--widths needs seven", "found [4, 4]", "conv1")
        ),
        "width of zero": study(
            "--widths=4,4,4,4,4,8,0", words=("--widths needs seven positive", "8, 0]")
        ),
        "widths in words": _flag("--widths=a,b", "whole numbers", "'a,b'", "give some"),
        "no seed": _flag("--seeds=", "whole numbers", "found ''", "such as 0,1,2"),
        "seed in words": _flag("--seeds=one", "whole numbers", "'one'", "such as"),
        "negative seed": _flag("--seeds=-1", "whole numbers", "'-1'", "such as 0,1"),
        "seed too large": _flag(
            "--seeds=4294967296", "up to 4294967295", "'4294967296'"
        ),
        "seed of 5000 digits": _flag(f"--seeds={'9' * 5000}", "whole numbers", "give"),
        "seed twice": study("--seeds=0,0", words=("seed 0", "twice", "name it once")),
        "drop in words": _flag("--rate_drops=late", "1200", "60%", "found 'late'"),
        "drops not rising": _flag("--rate_drops=9,5", "rising steps", "found (9, 5)"),
        "drop of no number": _flag("--rate_drops=nan%", "such as 60%", "found 'nan%'"),
        "no folder": study("--runs=", words=("--runs needs a folder", "found none")),
        "unknown flag": study("--stepz=5", words=("'stepz'", "mean: steps", "--help")),
        "stray argument": study("A3B", words=("'A3B'", "start with --", "--help")),
        "no flag file": study("--flagfile=nowhere.flags", words=("nowhere.flags",)),
        "treatment": study(
            "--treatments=A3C", words=("unknown treatment 'A3C'", "give baseA", "A3B")
        ),
        "lower case": study(
            "--treatments=a3b", words=("unknown treatment 'a3b'", "such as A3B")
        ),
        "random fine-tuned": study(
            "--treatments=R3B+", words=("'R3B+'", "R3B (or R3W) for random frozen")
        ),
        "no layer copied": study(
            "--treatments=A0B", words=("'A0B' copies 0", "give n from 1 to 7")
        ),
        "all layers copied": study(
            "--treatments=A8B", words=("'A8B' copies 8", "give n from 1 to 7")
        ),
        "preserved beyond": study(
            "--treatments=A6B~2", words=("'A6B~2' copies 8", "7 together at most")
        ),
        "nothing preserved": study(
            "--treatments=A3B~0", words=("'A3B~0' preserves 0", "leave out ~0")
        ),
        "treatment twice": study(
            "--treatments=A3B,A3B", words=("'A3B' is named twice", "name it once")
        ),
        "no treatment": study(
            "--treatments=", words=("--treatments needs at least one", "A3B,A3B+")
        ),
        "no split": study(
            "--split=", words=("--split needs at least one", "such as random:0")
        ),
        "split": study("--split=halves", words=("'halves'", "give random:SEED")),
        "split seed": study(
            "--split=random:9999999999", words=("found 9999999999", "4294967295")
        ),
        "split twice": study(
            "--split=random:0,random:0", words=("random-0", "twice", "name it once")
        ),
        "no training image": _flag("--train_per_class=0", "integer", "found '0'"),
        "training images twice": study(
            "--split=first:2", "--train_per_class=2", words=("first:2 takes", "leave")
        ),
        "no example": study("--split=first:0", words=("first:0", "at least 1")),
        "not of ILSVRC": study(
            "--split=natural_manmade",
            words=("needs ILSVRC WordNet ids", "found 'ant'", "give file:PATH"),
        ),
        "plan": study("--plan=paper", words=("needs one of released", "'paper'")),
        "data": study("--dataset=mnist", words=("'mnist'", "give one of embedded")),
        "data of no name": study("--dataset=tfds:", words=("'tfds:'", "tfds:NAME")),
    }


def contradictions(images: pathlib.Path) -> dict[str, Bad]:
    """Flags that contradict each other, or the data set, or the command."""
    data = f"--dataset=folder:{images}"
    return {
        "crop over image": study(
            "--crop_size=17", words=("--crop_size needs from 8 to", "16", "found 17")
        ),
        "network over crop": study(
            "--network=caffenet",
            "--widths=2,4,4,4,4,8,8",
            words=("at least 39 x 39", "found 16 x 16", "raise --image_size"),
        ),
        "odd widths in groups": study(
            "--network=caffenet",
            "--image_size=64",
            "--widths=2,4,4,5,4,8,8",
            words=("needs even numbers", "two groups", "found [2, 4, 4, 5, 4]"),
        ),
        "drop after the end": study(
            "--rate_drops=2000",
            words=("--rate_drops needs steps up to", "--steps=12", "'2000'", "give an"),
        ),
        "drop at 150%": study(
            "--rate_drops=150%",
            words=("--rate_drops needs steps up to", "--steps=12", "'150%'", "60%"),
        ),
        "fewer outputs than classes": study(
            "--num_outputs=1", words=("--num_outputs needs at least", "2", "found 1")
        ),
        "halves of all": study(
            "--split=first:2", words=("first:2 has no half", "choose another split")
        ),
        "held out of two parts": study(
            data,
            "--held_out=0.2",
            words=("--held_out=0.2 needs a folder without a", "give folder"),
        ),
        "held out of what is drawn": study(
            "--dataset=embedded",
            "--held_out=0.2",
            words=("--held_out needs", "found 'embedded'", "=0.2: leave it out"),
        ),
        "data folder of what is drawn": study(
            "--dataset=embedded",
            "--data_dir=x",
            words=("--data_dir needs", "found 'embedded'", "=x: leave it out"),
        ),
        "all held out": study(
            f"{data}/train",
            "--held_out=1",
            words=("between 0 and 1", "found 1.0", "such as 0.2"),
        ),
        "one image to hold out of": study(
            f"{data}/train",
            "--held_out=0.5",
            words=("ant needs an image for", "found one image", "add another"),
        ),
        "neither parts nor held out": study(
            f"{data}/train", words=("needs folders train and val", "give a share")
        ),
        "processes that share devices": study(
            "--distribution=mirrored",
            "--processes=2",
            words=("=mirrored needs one cohort at a time", "--processes=2", "leave it"),
        ),
        "features kept where devices share": study(
            "--distribution=mirrored",
            "--feature_cache=on",
            words=(
                "=mirrored needs frozen",
                "found --feature_cache=on",
                "leave it out",
            ),
        ),
        "batch that is not shared out evenly": study(
            "--distribution=mirrored",
            "--devices=3",
            words=("--batch_size needs a multiple", "3 devices, found 4", "set"),
        ),
        "two plans": study(
            "--plan=released",
            "--treatments=A3B",
            words=("--plan=released", "leave out --treatments"),
        ),
        "plan of a job": Bad(
            "base", ("--plan=released",), ("is for yosinski-study", "add --plan=")
        ),
        "kind of another job": Bad(
            "base",
            ("--treatments=A3B",),
            ("trains base networks", "found A3B", "use yosinski-transfer"),
        ),
        "base as a transfer": Bad(
            "transfer", ("--treatments=baseA",), ("found baseA", "use yosinski-base")
        ),
        "nothing to transfer": Bad(
            "transfer", (), ("--treatments needs at least one", "such as A3B")
        ),
        "transfer without a base": Bad(
            "transfer",
            (data, "--treatments=A3B"),
            ("random-0_baseA_seed0 is missing", "yosinski-base", "--with_bases"),
        ),
        "export of a run elsewhere": study(
            data,
            "--export=../x",
            "--treatments=baseA",
            words=("--export needs best", "'../x'", "such as random-0_baseA_seed0"),
        ),
        "nothing to export": Bad(
            "export", (), ("--run names nothing to export", "give the id of a run")
        ),
    }
