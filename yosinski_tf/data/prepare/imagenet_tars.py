"""Unpacks ImageNet's two tar files with the builder of TensorFlow Datasets.

The files are `ILSVRC2012_img_train.tar`, which contains one tar file per class, and
`ILSVRC2012_img_val.tar`. image-net.org gives them to registered users.
"""

import pathlib
import tarfile

from yosinski_tf.data.prepare import disk_space
from yosinski_tf.system.errors import UserError

NAME = "imagenet2012"
TARS = ("ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar")
# TensorFlow Datasets sorts the images into temporary files, then writes its own.
_COPIES = 2


def build(data_dir: str | None, manual_dir: str | None) -> None:
    """Prepares ImageNet with TensorFlow Datasets, unless it is prepared already.

    The prepared ArrayRecord files are as large as the tar files. They are needed only
    until the store is complete.

    Args:
      data_dir: Where TensorFlow Datasets keeps its data; None for its default.
      manual_dir: The folder with the two tar files; None for the default of
        TensorFlow Datasets, `DATA_DIR/downloads/manual`.

    Raises:
      UserError: If a tar file is missing or damaged, or the disk is full.
    """
    import tensorflow_datasets as tfds

    root = pathlib.Path(data_dir or tfds.core.constants.DATA_DIR).expanduser()
    manual = pathlib.Path(manual_dir or root / "downloads" / "manual").expanduser()
    if any((root / NAME).glob("*.*.*/dataset_info.json")):
        return
    for name in TARS:
        if not (manual / name).is_file():
            raise UserError(
                f"no prepared data set {NAME} under {root} and no file {manual / name}:"
                f" give a folder with {' and '.join(TARS)} from image-net.org as"
                " --manual_dir"
            )
    tar_bytes = sum((manual / name).stat().st_size for name in TARS)
    remedy = "or give another --data_dir"
    disk_space.require("unpacking ImageNet", _COPIES * tar_bytes, root, remedy)
    for name in TARS:
        if not tarfile.is_tarfile(manual / name):
            raise UserError(f"{manual / name} is not a tar file: download it again")
    try:
        builder = tfds.builder(NAME, data_dir=root, file_format="array_record")
        config = tfds.download.DownloadConfig(manual_dir=manual, try_download_gcs=False)
        builder.download_and_prepare(download_config=config)
    # Damaged archives and full disks raise errors of many types.
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"TensorFlow Datasets cannot prepare ImageNet from {manual}"
            f" ({type(error).__name__}: {reason}): compare the tar files with the"
            " checksums on image-net.org, make room on the disk, then start again"
        ) from None
