"""A trained YOLO as ONNX and as safetensors, with any batch size, and proof that both say the same."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.digests import digest_file
from modelyard.engines.verify import check_same
from modelyard.errors import ModelyardError
from modelyard.evaluation.images import image_paths
from modelyard.inference.preprocess import prepare_image, read_image
from modelyard.inference.session import open_session

OPSET = 17


def export(weights: Path, path: Path, size: int, samples: Path) -> tuple[int, int]:
    """Write `path` from `weights` and compare the two on pictures of `samples`. Gives (4 + classes, anchors)."""
    import torch

    network = _load(weights).fuse(verbose=False).eval()
    head = network.model[-1]
    # As ultralytics' own exporter sets its head: raw boxes and scores in one tensor, shapes of the picture fixed.
    head.export, head.dynamic, head.format = True, False, "onnx"
    if hasattr(head, "end2end") and head.end2end:
        raise ModelyardError("networks without NMS (end2end) are not supported yet", code="not-supported-yet")
    example = torch.zeros(2, 3, size, size)
    with torch.no_grad():
        for _ in range(2):  # the first call builds anchors, which the trace must find built
            network(example)
        torch.onnx.export(
            network, (example,), str(path), input_names=["images"], output_names=["output0"], opset_version=OPSET,
            dynamic_axes={"images": {0: "batch"}, "output0": {0: "batch"}}, dynamo=False,
        )  # fmt: skip
        batch = _batch(samples, size)
        native = network(torch.from_numpy(batch))
    native = (native[0] if isinstance(native, (tuple, list)) else native).numpy()
    exported = open_session(path).run(None, {"images": batch})[0]
    check_same(native, exported, tolerance=5e-3)
    rows, anchors = native.shape[1:]
    return int(rows), int(anchors)


def save_weights(weights: Path, out: Path) -> str:
    """`best.pt` for ultralytics and `model.safetensors` with `model.yaml` for everyone; gives the digest of the first.

    What a rerun would write differently (dates, paths, timings) is left out, so that the same training makes the same
    bytes.
    """
    import torch
    import yaml
    from safetensors.torch import save_file

    checkpoint = torch.load(weights, map_location="cpu", weights_only=False)  # written by this run, in our own folder
    network = checkpoint["model"] or checkpoint["ema"]
    arguments = {name: value for name, value in _arguments(checkpoint).items() if name not in _PLACES}
    network.args = arguments
    kept = {"model": network, "train_args": arguments, "version": checkpoint.get("version"), "epoch": -1}
    torch.save({**dict.fromkeys(("best_fitness", "ema", "updates", "optimizer")), **kept}, out / "best.pt")
    state = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    save_file(state, out / "model.safetensors")
    description = {name: value for name, value in network.yaml.items() if name != "yaml_file"}
    text = yaml.safe_dump(json.loads(json.dumps(description)), sort_keys=False)
    (out / "model.yaml").write_text(text, encoding="utf-8")
    return digest_file(out / "best.pt")


_PLACES = frozenset({"data", "model", "project", "name", "save_dir", "resume", "device"})


def _arguments(checkpoint: dict[str, Any]) -> dict[str, Any]:
    return dict(checkpoint.get("train_args") or {})


def _load(weights: Path) -> Any:
    import torch

    checkpoint = torch.load(weights, map_location="cpu", weights_only=False)  # written by this run, in our own folder
    return deepcopy(checkpoint.get("ema") or checkpoint["model"]).float()


def _batch(folder: Path, size: int) -> np.ndarray:
    paths = image_paths(folder)[:3]
    pictures = [prepare_image(read_image(path), {"imgsz": size})[0] for path in paths]
    batch: np.ndarray = np.stack(pictures)
    return batch
