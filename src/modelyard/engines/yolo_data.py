"""The data file that ultralytics reads, over read-only inputs."""

from pathlib import Path

import yaml

from modelyard.engines.base import TrainJob
from modelyard.evaluation.images import read_classes


def write_data(job: TrainJob) -> Path:
    """`data.yaml` over links to the inputs: ultralytics writes its label caches beside the pictures, so into ours."""
    folder = job.checkpoints / "data"
    train = _link(folder / "train", job.train)
    val = _link(folder / "val", job.val) if job.val else train
    content = {
        "path": str(folder),
        "train": f"{train}/images",
        "val": f"{val}/images",
        "names": dict(enumerate(read_classes(job.train))),
    }
    path = folder / "data.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def _link(folder: Path, source: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("images", "labels"):
        link = folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(source / name, target_is_directory=True)
    return folder.name
