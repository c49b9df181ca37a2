"""The Open Inference Protocol, version 2, over HTTP."""

import asyncio
import json
import time
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from modelyard.errors import ModelyardError
from modelyard.inference.tabular import decode_outputs
from modelyard.serving.answers import log_rows
from modelyard.serving.channel import Channel
from modelyard.serving.guard import json_response
from modelyard.serving.loading import Served
from modelyard.serving.predictions import new_id, now
from modelyard.serving.tensors import datatype_of_onnx, read_tensor, write_tensor

_HEADER = "inference-header-content-length"


def protocol_routes() -> list[Route]:
    named, versioned = "/v2/models/{model}", "/v2/models/{model}/versions/{version}"
    routes = [
        Route("/v2", server_metadata),
        Route("/v2/health", health),
        Route("/v2/health/live", live),
        Route("/v2/health/ready", ready),
    ]
    for base in (named, versioned):
        routes += [
            Route(base, model_metadata),
            Route(f"{base}/ready", model_ready),
            Route(f"{base}/infer", infer, methods=["POST"]),
        ]
    return routes


async def server_metadata(request: Request) -> Response:
    # By name: a static import of the package would tie the server to all that its front door can load.
    version = import_module("modelyard").__version__
    return json_response({"name": "modelyard", "version": version, "extensions": ["binary_tensor_data"]})


async def live(request: Request) -> Response:
    return json_response({"live": True})


async def ready(request: Request) -> Response:
    served, problem = _channel(request).current, _channel(request).problem
    if served is None:
        return json_response({"ready": False, "problem": problem}, 503)
    return json_response({"ready": True, "version": served.version})


async def health(request: Request) -> Response:
    """All there is to know for a person or a supervisor; not of the protocol."""
    channel = _channel(request)
    served = channel.current
    known = {"version": served.version, "since": served.since, "device": served.device} if served else {}
    body = {"live": True, "ready": served is not None, "model": request.app.state.settings.model, **known}
    return json_response({**body, "problem": channel.problem}, 200 if served else 503)


async def model_metadata(request: Request) -> Response:
    served = _served(request)
    session, signature = served.model.session, served.signature
    extra = {
        key: signature[key] for key in ("task", "classes", "columns", "preprocess", "threshold") if key in signature
    }
    return json_response(
        {
            "name": served.name,
            "versions": [served.version],
            "platform": "onnxruntime_onnx",
            "inputs": [_spec(entry) for entry in session.get_inputs()],
            "outputs": [_spec(entry) for entry in session.get_outputs()],
            "parameters": extra,
        }
    )


async def model_ready(request: Request) -> Response:
    served = _served(request)
    return json_response({"name": served.name, "version": served.version, "ready": True})


async def infer(request: Request) -> Response:
    started = time.perf_counter()
    served = _served(request)
    asked, body = await _read(request)
    feeds = await asyncio.to_thread(_feeds, served, asked, body)
    _check_outputs(served, asked)
    outputs = await served.batcher.submit(feeds)
    request_id = str(asked.get("id") or new_id())
    milliseconds = (time.perf_counter() - started) * 1000
    _log(request, served, feeds, outputs, request_id=request_id, milliseconds=milliseconds)
    return _answer(served, asked, outputs, request_id)


def _channel(request: Request) -> Channel:
    channel: Channel = request.app.state.channel
    return channel


def _served(request: Request) -> Served:
    served = _channel(request).serving()
    model, version = request.path_params["model"], request.path_params.get("version", served.version)
    if model != served.name:
        raise ModelyardError(f"there is no model {model} here: it is {served.name}", code="not-found")
    if version != served.version:
        raise ModelyardError(f"version {version} is not served: it is {served.version}", code="not-found")
    return served


def _spec(entry: Any) -> dict[str, Any]:
    shape = [side if isinstance(side, int) else -1 for side in entry.shape]
    return {"name": entry.name, "datatype": datatype_of_onnx(entry.type), "shape": shape}


async def _read(request: Request) -> tuple[dict[str, Any], bytes]:
    body = await request.body()
    length = request.headers.get(_HEADER)
    if length is not None and (not length.isdigit() or int(length) > len(body)):
        raise ModelyardError(f"{_HEADER} must be the length of the JSON part", code="bad-input")
    end = len(body) if length is None else int(length)
    try:
        asked = json.loads(body[:end])
    except (ValueError, RecursionError) as error:
        raise ModelyardError(f"the request is not JSON: {error}", code="bad-input") from error
    if not isinstance(asked, dict) or not isinstance(asked.get("inputs"), list):
        raise ModelyardError("the request needs `inputs`: a list of tensors", code="bad-input")
    return asked, body[end:]


def _feeds(served: Served, asked: Mapping[str, Any], binary: bytes) -> dict[str, np.ndarray]:
    wanted = {entry.name: entry.type for entry in served.model.session.get_inputs()}
    feeds: dict[str, np.ndarray] = {}
    at = 0
    for spec in asked["inputs"]:
        if not isinstance(spec, dict) or spec.get("name") not in wanted:
            name = spec.get("name") if isinstance(spec, dict) else spec
            raise ModelyardError(f"the model has no input {name}: it takes {', '.join(wanted)}", code="bad-input")
        size = (spec.get("parameters") or {}).get("binary_data_size")
        raw = None
        if size is not None:
            if not isinstance(size, int) or size < 0 or at + size > len(binary):
                raise ModelyardError(f"input {spec['name']}: binary data is cut off", code="bad-input")
            raw, at = binary[at : at + size], at + size
        feeds[spec["name"]] = read_tensor(spec, raw, wanted[spec["name"]])
    missing = [name for name in wanted if name not in feeds]
    if missing:
        raise ModelyardError(f"inputs are missing: {', '.join(missing)}", code="bad-input")
    return feeds


def _chosen(asked: Mapping[str, Any]) -> dict[Any, Mapping[str, Any]]:
    """The outputs that the client asks for, with their parameters; empty: all."""
    return {spec.get("name"): spec.get("parameters") or {} for spec in asked.get("outputs") or []}


def _check_outputs(served: Served, asked: Mapping[str, Any]) -> None:
    specs = asked.get("outputs") or []
    if not isinstance(specs, list) or not all(isinstance(spec, dict) for spec in specs):
        raise ModelyardError("`outputs` is a list of objects with a name", code="bad-input")
    known = [entry.name for entry in served.model.session.get_outputs()]
    unknown = [str(name) for name in _chosen(asked) if name not in known]
    if unknown:
        what = f"the model has no output {', '.join(unknown)}: it has {', '.join(known)}"
        raise ModelyardError(what, code="bad-input")


def _answer(served: Served, asked: Mapping[str, Any], outputs: Mapping[str, np.ndarray], request_id: str) -> Response:
    all_binary = bool((asked.get("parameters") or {}).get("binary_data_output"))
    chosen = _chosen(asked)
    written = [
        write_tensor(name, array, bool(chosen.get(name, {}).get("binary_data", all_binary)))
        for name, array in outputs.items()
        if not chosen or name in chosen
    ]
    body = {"model_name": served.name, "model_version": served.version, "id": request_id}
    head = {**body, "outputs": [spec for spec, _ in written]}
    raw = b"".join(part for _, part in written)
    if not raw:
        return json_response(head)
    text = json.dumps(head, separators=(",", ":")).encode()
    return Response(text + raw, 200, {_HEADER: str(len(text))}, "application/octet-stream")


def _one_column_each(feeds: Mapping[str, np.ndarray]) -> bool:
    return len({feed.size for feed in feeds.values()}) == 1 and all(feed.shape[1:] == (1,) for feed in feeds.values())


def _log(
    request: Request, served: Served, feeds: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray],
    *, request_id: str, milliseconds: float,
) -> None:  # fmt: skip
    log = request.app.state.log
    if not log.wanted():
        return
    columns = {entry["name"]: entry.get("column", entry["name"]) for entry in served.signature.get("inputs", [])}
    if served.signature.get("columns") and _one_column_each(feeds):
        named = {columns.get(name, name): feed.reshape(-1).tolist() for name, feed in feeds.items()}
        rows = [dict(zip(named, values, strict=True)) for values in zip(*named.values(), strict=True)]
        predictions = decode_outputs(outputs, served.signature)
        log_rows(log, served, rows, predictions, asked=request_id, ms=round(milliseconds, 2))
        return
    stats = {
        f"{name}.{what}": float(getattr(np, what)(feed))
        for name, feed in feeds.items()
        if feed.dtype != object and feed.size
        for what in ("mean", "std")
    }
    shapes = {name: list(output.shape) for name, output in outputs.items()}
    log.add(
        {"id": request_id, "at": now(), "model": served.name, "version": served.version, "inputs": stats,
         "outputs": {"shapes": shapes}, "ms": round(milliseconds, 2)}
    )  # fmt: skip
