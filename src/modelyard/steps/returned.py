"""What a user's function returned, kept in its outputs' folders."""

import json
import math
import shutil
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import Any

from modelyard.errors import ModelyardError
from modelyard.steps.outputs import output_type, write_table
from modelyard.wording import counted


def keep(returned: Any, config: Mapping[str, Any], outputs: Mapping[str, Path], call: str) -> dict[str, float]:
    """Write what came back into the folders of `outputs`; the metrics among it.

    None means that the function wrote by itself. Several outputs come as a dict by name, or a tuple in the spec's
    order. Raises ModelyardError for what is no table, path, or numbers by name.
    """
    metrics: dict[str, float] = {}
    for name, value in _by_output(returned, outputs, call).items():
        if output_type(config, name) == "metrics" and isinstance(value, Mapping):
            metrics |= _keep_metrics(value, outputs[name])
        else:
            _keep_value(value, name, outputs[name], call)
    return metrics


def _by_output(returned: Any, outputs: Mapping[str, Path], call: str) -> dict[str, Any]:
    if returned is None:
        return {}
    names = list(outputs)
    if isinstance(returned, Mapping) and returned and set(returned) <= set(names):
        return {name: value for name, value in returned.items() if value is not None}
    if len(names) == 1:
        return {names[0]: returned}
    if isinstance(returned, tuple) and len(returned) == len(names):
        return dict(zip(names, returned, strict=True))
    if not names:
        return {}
    raise ModelyardError(
        f"{call} returned {_kind(returned)}, and has {counted(len(names), 'output')}: {', '.join(names)}",
        fix="return a dict by output name",
        code="bad-return",
    )


def _keep_metrics(values: Mapping[Any, Any], folder: Path) -> dict[str, float]:
    numbers = {str(key): float(value) for key, value in values.items() if isinstance(value, Real)}
    finite = {key: value for key, value in numbers.items() if math.isfinite(value)}
    (folder / "metrics.json").write_text(json.dumps({"metrics": finite}, indent=1))
    return finite


def _keep_value(value: Any, name: str, folder: Path, call: str) -> None:
    if isinstance(value, str | Path):
        _keep_path(Path(value), name, folder, call)
    elif hasattr(value, "to_arrow"):
        write_table(value.to_arrow(), folder)
    elif _kind(value) in ("DataFrame", "Table"):
        write_table(value, folder)
    else:
        raise ModelyardError(
            f"{call} returned {_kind(value)} for its output `{name}`",
            fix="return a table (pandas, pyarrow, polars), the path of a file or folder, or write into "
            f"`{name.replace('-', '_')}_dir: Path` and return nothing",
            code="bad-return",
        )


def _keep_path(path: Path, name: str, folder: Path, call: str) -> None:
    if not path.exists():
        raise ModelyardError(
            f"{call} returned the path {path} for its output `{name}`, and nothing is there", code="bad-return"
        )
    path = path.resolve()
    if path == folder.resolve() or path.is_relative_to(folder.resolve()):
        return
    if path.is_dir():
        shutil.copytree(path, folder, dirs_exist_ok=True)
    else:
        shutil.copy2(path, folder / path.name)


def _kind(value: Any) -> str:
    return type(value).__name__
