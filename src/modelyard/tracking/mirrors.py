"""Trackers that are written to beside MLflow. Not built yet but for TensorBoard: the spec refuses the others."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from modelyard.task import TaskDocument


class Mirror(Protocol):
    def params(self, params: Mapping[str, Any]) -> None: ...
    def metrics(self, values: Mapping[str, float], step: int) -> None: ...
    def close(self) -> None: ...


class TensorBoard:
    """Event files under `.modelyard/tensorboard/<address>/<run>`, for `tensorboard --logdir .modelyard/tensorboard`."""

    def __init__(self, folder: Path) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        folder.mkdir(parents=True, exist_ok=True)
        self._writer = EventFileWriter(str(folder))

    def params(self, params: Mapping[str, Any]) -> None:
        table = "\n".join(["|parameter|value|", "|-|-|", *(f"|{name}|{value}|" for name, value in params.items())])
        self._add(_text("params", table), 0)

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self._add(_scalar(name, value), step)

    def close(self) -> None:
        self._writer.close()

    def _add(self, summary: Any, step: int) -> None:
        import time

        from tensorboard.compat.proto.event_pb2 import Event

        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))


def open_mirrors(document: TaskDocument, name: str, emit: Callable[[Mapping[str, Any]], None]) -> list[Mirror]:
    """The mirrors of a run. One that cannot be opened is told as a warning and left out."""
    if "tensorboard" not in (document.tracking.get("mirrors") or ()):
        return []
    folder = Path(document.root) / ".modelyard" / "tensorboard" / name / document.run_id
    try:
        return [TensorBoard(folder)]
    except ImportError as error:
        text = f"not mirrored to TensorBoard: {error}; pip install 'modelyard[tensorboard]'"
    except OSError as error:
        text = f"not mirrored to TensorBoard: {error}"
    emit({"event": "warning", "text": text})
    return []


def _scalar(name: str, value: float) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary(value=[Summary.Value(tag=name, simple_value=float(value))])


def _text(name: str, text: str) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.compat.proto.types_pb2 import DT_STRING

    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
    tensor = TensorProto(
        dtype=DT_STRING, string_val=[text.encode()], tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
    )
    return Summary(value=[Summary.Value(tag=f"{name}/text_summary", metadata=metadata, tensor=tensor)])
