"""`modelyard predict`."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from modelyard.cli.options import Common, common_options
from modelyard.cli.session import Session
from modelyard.errors import ModelyardError

_PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".webp"}


@click.command(
    epilog="Examples: modelyard predict serving.api scene.png --draw boxes.png; modelyard predict serving.api rows.json"
)
@common_options
@click.argument("address")
@click.argument("data", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--draw", type=click.Path(path_type=Path, dir_okay=False), help="Save the picture with its boxes drawn.")
@click.option("--token", envvar="MODELYARD_TOKEN", help="The endpoint's token, where it asks for one.")
def command(common: Common, address: str, data: Path, draw: Path | None, token: str | None) -> None:
    """Send DATA to the endpoint ADDRESS: a picture, or rows as JSON or CSV (`-`: stdin). Prints the answer as JSON."""
    from modelyard.serving import client

    url = _url(Session(common), address)
    if data.suffix.lower() in _PICTURES:
        if not data.is_file():
            raise ModelyardError(f"there is no picture {data}")
        answer = client.predict_image(url, data.read_bytes(), token=token)
        if draw is not None:
            from modelyard.serving.draw import draw_boxes

            draw.parent.mkdir(parents=True, exist_ok=True)
            draw_boxes(data, answer, draw)
    else:
        answer = client.predict_rows(url, _rows(data), token=token)
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False))


def _url(session: Session, address: str) -> str:
    node = session.node(address)
    if node.kind != "serve":
        raise ModelyardError(f"{address} is a {node.kind}, not an endpoint", fix="Name an address in `serving`.")
    service = session.target.observe(session.graph).services.get(address)
    if service and service.status == "ready" and not service.url:
        fix = "Ask for it by the Open Inference Protocol there; docs/kubernetes.md has an example."
        raise ModelyardError(f"{address} has no server of its own: its operator answers for it", fix=fix)
    if service is None or service.status != "ready" or not service.url:
        how = service.status if service else "not running"
        raise ModelyardError(f"{address} is {how}", fix=f"`modelyard apply`, or look at `modelyard logs {address}`.")
    return service.url


def _rows(data: Path) -> list[dict[str, Any]]:
    if str(data) != "-" and not data.is_file():
        raise ModelyardError(f"there is no file {data}")
    text = sys.stdin.read() if str(data) == "-" else data.read_text(encoding="utf-8")
    if data.suffix.lower() == ".csv":
        import csv

        return [{key: _number(value) for key, value in row.items()} for row in csv.DictReader(text.splitlines())]
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise ModelyardError(
            f"{data} is not JSON: {error}", fix='Write one row, {"hour": 8}, or a list of rows.'
        ) from None
    return rows if isinstance(rows, list) else [rows]


def _number(text: str) -> float | str | None:
    if text == "":
        return None
    try:
        return float(text)
    except ValueError:
        return text
