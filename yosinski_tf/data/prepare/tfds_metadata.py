"""The files by which TensorFlow Datasets knows a store as its own."""

import numpy as np

from yosinski_tf.data.store.format import DATASET_NAME, FILE_NAME, IMAGE, LABEL, Store

_VERSION = "1.0.0"


def write(store: Store) -> None:
    """Writes `dataset_info.json` and `features.json` beside the shards."""
    import tensorflow_datasets as tfds

    template = tfds.core.ShardedFileTemplate(
        data_dir=store.folder,
        dataset_name=DATASET_NAME,
        filetype_suffix="array_record",
    )
    tfds.folder_dataset.write_metadata(
        data_dir=store.folder,
        features=_features(store),
        split_infos=[
            tfds.core.SplitInfo(
                name=split.name,
                shard_lengths=list(split.shard_lengths),
                num_bytes=split.num_bytes,
                filename_template=template.replace(split=split.name),
            )
            for split in store.splits.values()
        ],
        version=_VERSION,
        check_data=False,
        description=f"Prepared by yosinski-prepare from {store.source}.",
        supervised_keys=(IMAGE, LABEL),
        disable_shuffling=True,
    )


def problems(store: Store) -> list[str]:
    """What is wrong with them, in sentences."""
    import tensorflow_datasets as tfds

    try:
        info = tfds.builder_from_directory(store.folder).info
        found = {
            name: tuple(split.shard_lengths) for name, split in info.splits.items()
        }
        names = tuple(info.features[LABEL].names)
        source = tfds.builder_from_directory(store.folder).as_data_source("train")
        first = source[0]
    # The library meets damaged files with errors of many types.
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        return [
            f"TensorFlow Datasets cannot open it ({type(error).__name__}: {reason})"
        ]
    wrong = []
    if found != {name: s.shard_lengths for name, s in store.splits.items()}:
        wrong.append("dataset_info.json has other numbers of records than store.json")
    if names != store.class_names:
        wrong.append("label.labels.txt has other classes than store.json")
    if first[IMAGE].shape != (store.image_size, store.image_size, 3):
        wrong.append(f"TensorFlow Datasets reads images of {first[IMAGE].shape}")
    return wrong


def _features(store: Store):
    import tensorflow_datasets as tfds

    shape = (store.image_size, store.image_size, 3)
    if store.encoding == "jpeg":
        image = tfds.features.Image(shape=shape, encoding_format="jpeg")
    else:
        image = tfds.features.Tensor(
            shape=shape, dtype=np.uint8, encoding=tfds.features.Encoding.BYTES
        )
    return tfds.features.FeaturesDict(
        {
            IMAGE: image,
            LABEL: tfds.features.ClassLabel(names=list(store.class_names)),
            FILE_NAME: tfds.features.Text(),
        }
    )
