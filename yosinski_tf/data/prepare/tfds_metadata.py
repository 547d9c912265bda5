"""The files that make a store a TensorFlow Datasets data set."""

import numpy as np

from yosinski_tf.data.store.format import DATASET_NAME, FILE_NAME, IMAGE, LABEL, Store

_VERSION = "1.0.0"


def write(store: Store) -> None:
    """Writes `dataset_info.json` and `features.json` beside the shards."""
    import tensorflow_datasets as tfds

    shape = (store.image_size, store.image_size, 3)
    if store.encoding == "jpeg":
        image = tfds.features.Image(shape=shape, encoding_format="jpeg")
    else:
        image = tfds.features.Tensor(
            shape=shape, dtype=np.uint8, encoding=tfds.features.Encoding.BYTES
        )
    template = tfds.core.ShardedFileTemplate(
        data_dir=store.folder,
        dataset_name=DATASET_NAME,
        filetype_suffix="array_record",
    )
    tfds.folder_dataset.write_metadata(
        data_dir=store.folder,
        features=tfds.features.FeaturesDict(
            {
                IMAGE: image,
                LABEL: tfds.features.ClassLabel(names=list(store.class_names)),
                FILE_NAME: tfds.features.Text(),
            }
        ),
        split_infos=[
            tfds.core.SplitInfo(
                name=part.name,
                shard_lengths=list(part.shard_lengths),
                num_bytes=part.num_bytes,
                filename_template=template.replace(split=part.name),
            )
            for part in store.parts.values()
        ],
        version=_VERSION,
        check_data=False,
        description=f"Prepared by yosinski-prepare from {store.source}.",
        supervised_keys=(IMAGE, LABEL),
        disable_shuffling=True,
    )


def problems(store: Store) -> list[str]:
    """What is wrong with these files, a sentence for each problem."""
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder_from_directory(store.folder)
        lengths = {
            name: tuple(split.shard_lengths)
            for name, split in builder.info.splits.items()
        }
        names = tuple(builder.info.features[LABEL].names)
        first = builder.as_data_source("train")[0]
    # The library raises errors of many types for damaged files.
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        return [
            f"TensorFlow Datasets cannot open it ({type(error).__name__}: {reason})"
        ]
    wrong = []
    if lengths != {name: part.shard_lengths for name, part in store.parts.items()}:
        wrong.append("dataset_info.json has other numbers of records than store.json")
    if names != store.class_names:
        wrong.append("label.labels.txt has other classes than store.json")
    if first[IMAGE].shape != (store.image_size, store.image_size, 3):
        wrong.append(f"TensorFlow Datasets reads images of {first[IMAGE].shape}")
    return wrong
