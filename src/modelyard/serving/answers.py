"""`POST /predict`: a picture in, boxes out; rows in, predictions out. No tensors to think about."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from modelyard.errors import ModelyardError
from modelyard.inference.detect import Detections, decode
from modelyard.inference.preprocess import prepare_image, read_image
from modelyard.inference.tabular import Predictions, decode_outputs, encode_columns
from modelyard.serving.guard import json_response
from modelyard.serving.loading import Served
from modelyard.serving.predictions import PredictionLog, new_id, now
from modelyard.serving.settings import ROWS_LIMIT
from modelyard.wording import counted

Image.MAX_IMAGE_PIXELS = 25_000_000  # Pillow refuses twice this: 50 megapixels, 150 MB once decoded


async def predict(request: Request) -> Response:
    started = time.perf_counter()
    served = request.app.state.channel.serving()
    body = await _body(request)
    asked = new_id()
    if isinstance(body, bytes):
        answer = await _picture(request, served, body, asked, started)
    else:
        answer = await _rows(request, served, body, asked, started)
    return json_response(answer)


async def _body(request: Request) -> bytes | Any:
    """A picture's bytes, or JSON. Raises ModelyardError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with request.form(max_files=1, max_fields=20) as form:
            files = [value for value in form.values() if isinstance(value, UploadFile)]
            if not files:
                raise ModelyardError("the form has no file", fix="send one picture as a file field", code="bad-input")
            return await files[0].read()
    body = await request.body()
    if kind == "application/json" or (
        kind in {"", "text/plain", "application/x-www-form-urlencoded"} and body[:1] in b"{["
    ):
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise ModelyardError(f"the request is not JSON: {error}", code="bad-input") from error
    return body


async def _picture(request: Request, served: Served, body: bytes, asked: str, started: float) -> dict[str, Any]:
    if not served.pictures:
        raise _takes_rows(served)
    if not body:
        raise ModelyardError("the request has no picture", fix="send the file's bytes as the body", code="bad-input")
    threshold = _threshold(request)
    image = await asyncio.to_thread(read_image, body)
    tensor, box = await asyncio.to_thread(prepare_image, image, served.signature["preprocess"])
    outputs = await served.batcher.submit({served.model.session.get_inputs()[0].name: tensor[None]})
    if served.model.task == "detect":
        raw = outputs[served.signature["outputs"][0]["name"]][0]
        level = float(served.signature.get("threshold", 0.25)) if threshold is None else threshold
        iou = float((served.signature.get("nms") or {}).get("iou", 0.7))
        found = await asyncio.to_thread(decode, raw, threshold=level, iou=iou)
        found = Detections(box.restore(found.boxes), found.scores, found.classes)
        answer: dict[str, Any] = {"boxes": _boxes(found, served.model.classes)}
        logged = _box_summary(answer["boxes"])
    else:
        predictions = decode_outputs(outputs, served.signature)
        answer = _predictions(predictions)
        logged = _row_output(predictions, 0)
    milliseconds = _since(started)
    log: PredictionLog = request.app.state.log
    _count(request, logged)
    if log.wanted():
        log.add(_entry(served, asked, await asyncio.to_thread(_image_stats, image, len(body)), logged, milliseconds))
    size = {"width": image.width, "height": image.height}
    return {**answer, "image": size, **_about(served, asked, milliseconds)}


async def _rows(request: Request, served: Served, body: Any, asked: str, started: float) -> dict[str, Any]:
    if served.pictures:
        fix = "send the picture's bytes as the body, or as a file of a form"
        raise ModelyardError(f"{served.name} takes a picture, not rows", fix=fix, code="bad-input")
    rows = _check_rows(body)
    columns = {spec["name"] for spec in served.signature["columns"]}
    given = {name: [row.get(name) for row in rows] for name in sorted(columns & set().union(*rows))}
    feeds = await asyncio.to_thread(encode_columns, given, served.signature)
    predictions = decode_outputs(await served.batcher.submit(feeds), served.signature)
    milliseconds = _since(started)
    log: PredictionLog = request.app.state.log
    if log.wanted():
        log_rows(log, served, rows, predictions, asked=asked, ms=milliseconds)
    for index in range(len(rows)):
        _count(request, _row_output(predictions, index))
    return {**_predictions(predictions), **_about(served, asked, milliseconds)}


def _check_rows(body: Any) -> list[dict[str, Any]]:
    rows = body.get("rows", body) if isinstance(body, dict) else body
    rows = [rows] if isinstance(rows, dict) else rows
    example = '{"rows": [{"column": value, …}]}'
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise ModelyardError("the request needs rows, each an object by column", fix=example, code="bad-input")
    if len(rows) > ROWS_LIMIT:
        raise ModelyardError(f"{counted(len(rows), 'row')} in one request; {ROWS_LIMIT} are allowed", code="bad-input")
    for row in rows:
        for name, value in row.items():
            if isinstance(value, dict | list):
                raise ModelyardError(f"column {name} holds a {type(value).__name__}, not a value", code="bad-input")
    return rows


def _takes_rows(served: Served) -> ModelyardError:
    names = ", ".join(spec["name"] for spec in served.signature.get("columns", ()))
    fix = f'send JSON: {{"rows": [{{…}}]}} with {names}'
    return ModelyardError(f"{served.name} takes rows, not a picture", fix=fix, code="bad-input")


def _threshold(request: Request) -> float | None:
    text = request.query_params.get("threshold")
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 1:
        raise ModelyardError(f"threshold `{text}` is not a number from 0 to 1", code="bad-input")
    return value


def _boxes(found: Detections, classes: Sequence[str]) -> list[dict[str, Any]]:
    boxes = []
    for (x1, y1, x2, y2), score, index in zip(
        found.boxes.tolist(), found.scores.tolist(), found.classes.tolist(), strict=True
    ):
        name = classes[index] if index < len(classes) else str(index)
        corners = {"x1": round(x1, 2), "y1": round(y1, 2), "x2": round(x2, 2), "y2": round(y2, 2)}
        boxes.append({**corners, "class": name, "score": round(score, 4)})
    return boxes


def _box_summary(boxes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    scores = [box["score"] for box in boxes]
    mean = round(sum(scores) / len(scores), 4) if scores else None
    return {"boxes": len(boxes), "score_mean": mean, "classes": dict(Counter(box["class"] for box in boxes))}


def _image_stats(image: Image.Image, size: int) -> dict[str, Any]:
    small = np.asarray(image.resize((64, 64)).convert("L"), np.float32) / 255
    brightness, contrast = round(float(small.mean()), 4), round(float(small.std()), 4)
    return {"width": image.width, "height": image.height, "bytes": size, "brightness": brightness, "contrast": contrast}


def _predictions(predictions: Predictions) -> dict[str, Any]:
    answer: dict[str, Any] = {"predictions": predictions.labels.tolist()}
    if predictions.probabilities is not None:
        names = predictions.classes
        answer["probabilities"] = [
            {name: round(value, 6) for name, value in zip(names, row, strict=True)}
            for row in predictions.probabilities.tolist()
        ]
    return answer


def _row_output(predictions: Predictions, index: int) -> dict[str, Any]:
    label = predictions.labels[index]
    if predictions.probabilities is None:
        return {"prediction": float(label)}
    row = predictions.probabilities[index]
    binary = {"probability": round(float(row[1]), 6)} if len(row) == 2 else {}
    return {"prediction": str(label), **binary, "score": round(float(row.max()), 6)}


def log_rows(
    log: PredictionLog,
    served: Served,
    rows: Sequence[Mapping[str, Any]],
    predictions: Predictions,
    *,
    asked: str,
    ms: float,
) -> None:
    """One line a row; where there are several, `-0`, `-1`, … follow the request's id."""
    for index, row in enumerate(rows):
        one = asked if len(rows) == 1 else f"{asked}-{index}"
        log.add(_entry(served, one, row, _row_output(predictions, index), ms))


def _entry(
    served: Served, asked: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any], ms: float
) -> dict[str, Any]:
    about = {"id": asked, "at": now(), "model": served.name, "version": served.version}
    return {**about, "inputs": inputs, "outputs": outputs, "ms": ms}


def _about(served: Served, asked: str, ms: float) -> dict[str, Any]:
    return {"model": served.name, "version": served.version, "ms": ms, "id": asked}


def _count(request: Request, logged: Mapping[str, Any]) -> None:
    classes = request.app.state.telemetry.classes
    for label, count in logged.get("classes", {}).items():
        classes.labels(label).inc(count)
    if isinstance(logged.get("prediction"), str):
        classes.labels(logged["prediction"]).inc()


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)
