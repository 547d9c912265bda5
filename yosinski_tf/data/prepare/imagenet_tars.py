"""ImageNet's two tar files, unpacked by the builder of TensorFlow Datasets.

The files are `ILSVRC2012_img_train.tar`, a tar of one tar for each class, and
`ILSVRC2012_img_val.tar`, as image-net.org gives them to those who register.
"""

import pathlib
import shutil
import tarfile
from typing import Any

from yosinski_tf.data.prepare.disk_space import megabytes
from yosinski_tf.system.errors import UserError

NAME = "imagenet2012"
TARS = ("ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar")
# TensorFlow Datasets sorts the images into temporary files, then writes its own.
_COPIES = 2


def build(data_dir: str | None, manual_dir: str | None) -> None:
    """Prepares ImageNet by TensorFlow Datasets unless it is there already.

    Its records are ArrayRecord files. They are as large as the tar files and are
    needed only until the store is complete.

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
                f" wanted {' and '.join(TARS)} of image-net.org in one folder; give it"
                " as --manual_dir"
            )
    _check_space(root, sum((manual / name).stat().st_size for name in TARS))
    for name in TARS:
        if not tarfile.is_tarfile(manual / name):
            raise UserError(f"{manual / name} is no tar file: download it again")
    _run(tfds, root, manual)


def _check_space(root: pathlib.Path, tar_bytes: int) -> None:
    home = next(p for p in (root, *root.parents) if p.is_dir())
    free, needed = shutil.disk_usage(home).free, _COPIES * tar_bytes
    if free < needed:
        raise UserError(
            f"TensorFlow Datasets needs {megabytes(needed)} to unpack ImageNet under"
            f" {root}, which has {megabytes(free)} free: make room, or give another"
            " --data_dir"
        )


def _run(tfds: Any, root: pathlib.Path, manual: pathlib.Path) -> None:
    try:
        builder = tfds.builder(NAME, data_dir=root, file_format="array_record")
        config = tfds.download.DownloadConfig(manual_dir=manual, try_download_gcs=False)
        builder.download_and_prepare(download_config=config)
    # Damaged archives and full disks come as errors of many types.
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"TensorFlow Datasets cannot prepare ImageNet from {manual}"
            f" ({type(error).__name__}: {reason}): compare the tar files with the"
            " sums on image-net.org, make room on the disk, then start again"
        ) from None
