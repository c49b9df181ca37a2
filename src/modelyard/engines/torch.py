"""`torch`: the user's function trains a network, or describes one for Modelyard to train.

The function that `call` names (`module:function`) is either

- `fit(job, **params) -> nn.Module` where its first parameter is called `job`: it does all the training. `job` is a
  `modelyard.engines.torch_job.TorchJob`: data as tensors or folders, `job.device`, `job.report(epoch, epochs, loss=…)`,
  `job.save(state)` and `job.load()` for checkpoints that outlive a kill. It may give `(module, signature)` back, which
  it must where the data is no table. Where several processes train together (`job.world` of them), each calls it, with
  gradients averaged by `job.share(module)`; reports, checkpoints and the module that counts are those of rank 0.
- `build(inputs, outputs, **params) -> nn.Module`: a network from `inputs` numbers to `outputs` of them (a class each,
  or one for regression). Modelyard trains it: Adam, cross entropy or squared error. Of `params`, `epochs` (20),
  `batch_size` (64), `learning_rate` (1e-3) and `weight_decay` (0) are for that; the rest is the function's.

For a table the ONNX file takes raw columns: the preparation of columns is part of the graph.
"""

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from modelyard.digests import digest_file
from modelyard.engines.base import Trained, TrainJob
from modelyard.engines.torch_export import export_module, export_with_columns
from modelyard.engines.torch_group import Group, joined
from modelyard.engines.torch_job import TorchJob, table_job
from modelyard.engines.torch_loop import LOOP_PARAMS, train_loop
from modelyard.errors import ModelyardError
from modelyard.evaluation.score import score
from modelyard.evaluation.scores import Scores


class Torch:
    def train(self, job: TrainJob) -> Trained:
        """Leave `model.onnx` and `model.safetensors` in `job.out`."""
        from safetensors.torch import save_file

        with joined(job, _learn) as group:
            device = group.device
            words = f"the CPU, {torch.get_num_threads()} threads"
            if device.type == "cuda":
                words = torch.cuda.get_device_name(device)
            if group.world > 1:
                words += f", {group.world} processes"
            job.note(f"training on {words}")
            prepared, module, given = _learn(job, group)
        module = module.to("cpu").eval()
        if given is None and prepared.columns is None:
            raise ModelyardError(
                "a network for data that is no table needs a signature", code="bad-signature",
                fix="Give back (module, {'task': …, 'inputs': […], 'outputs': […], 'classes': […], 'preprocess': {…}})",
            )  # fmt: skip
        signature = export_module(module, given, job.out) if given else export_with_columns(module, prepared, job.out)
        weights = job.out / "model.safetensors"
        save_file({name: tensor.contiguous() for name, tensor in module.state_dict().items()}, weights)
        recorded = {"device": words, "packages": {"torch": str(torch.__version__)}}
        digest = digest_file(weights)
        whole = {**signature, "engine": "torch", "weights": {"file": weights.name, "digest": digest}}
        return Trained(whole, recorded=recorded)

    def follow(self, job: TrainJob) -> None:
        """Do the part of a node that does not lead."""
        with joined(job, _learn) as group:
            _learn(job, group)

    def evaluate(self, model: Path, data: Path, config: Mapping[str, Any], out: Path | None) -> Scores:
        return score(model, data, config, out)


def load_function(name: str) -> Callable[..., Any]:
    """`module:function` of the project. Raises ModelyardError where there is none."""
    module, _, attribute = name.partition(":")
    try:
        found: Callable[..., Any] = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name and not module.startswith(error.name):
            what = f"{module} imports `{error.name}`, which is not installed"
            raise ModelyardError(what, code="missing-package") from error
        raise ModelyardError(f"there is no module `{module}` in the project", code="missing-file") from error
    except AttributeError as error:
        raise ModelyardError(f"`{module}` has no `{attribute}`", code="unknown-function") from error
    return found


def _learn(job: TrainJob, group: Group) -> tuple[TorchJob, torch.nn.Module, dict[str, Any] | None]:
    torch.manual_seed(job.seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    function = load_function(str(job.config.get("call", "")))
    table = (job.train / "data.parquet").is_file()
    prepared = table_job(job, group) if table else TorchJob(job, group.device, group)
    return prepared, *_fit(function, prepared)


def _fit(function: Callable[..., Any], job: TorchJob) -> tuple[torch.nn.Module, dict[str, Any] | None]:
    if next(iter(inspect.signature(function).parameters), None) == "job":
        made = function(job, **job.params)
    else:
        if job.columns is None:
            raise ModelyardError(
                "only for a table can Modelyard train the network by itself", code="bad-function",
                fix="Write `def fit(job, **params)`, which trains and gives the module back",
            )  # fmt: skip
        own = {name: value for name, value in job.params.items() if name not in LOOP_PARAMS}
        made = function(inputs=job.width, outputs=max(len(job.classes), 1), **own)
        train_loop(_module(made), job)
    module, signature = made if isinstance(made, tuple) else (made, None)
    return _module(module), signature


def _module(made: Any) -> torch.nn.Module:
    if not isinstance(made, torch.nn.Module):
        what = f"the function gave {type(made).__name__} back, where an nn.Module is expected"
        raise ModelyardError(what, code="bad-function")
    return made
