"""The graph and pictures of one small project, as they were reviewed. Renew: RENEW_GOLDEN=1 pytest tests/unit/graph."""

import json
import os
from pathlib import Path
from xml.etree import ElementTree

import pytest
from graph_builders import Project

from modelyard.graph import Graph
from modelyard.graph.codec import graph_from_json, graph_to_json
from modelyard.graph.fingerprint import fingerprint
from modelyard.graph.views import FORMS, render

GOLDEN = Path(__file__).parents[2] / "golden" / "graph"


def agree(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("RENEW_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", "utf-8")
    assert path.read_text("utf-8") == text + "\n"


@pytest.fixture
def graph(project: Project) -> Graph:
    return project.flights()


def test_the_graph_is_the_reviewed_one(graph: Graph) -> None:
    agree("flights.json", json.dumps(graph_to_json(graph), indent=1, ensure_ascii=False))


def test_fingerprints_are_the_reviewed_ones(graph: Graph) -> None:
    made: dict[str, str] = {}
    for address, node in graph.nodes.items():
        inputs = {port: f"{made[ref.node]}:{ref.output}" for port, ref in node.inputs.items()}
        made[address] = fingerprint(node, inputs)
    agree("flights.fingerprints.txt", "\n".join(f"{address} {digest}" for address, digest in made.items()))


@pytest.mark.parametrize("form", FORMS)
def test_views_are_the_reviewed_ones(graph: Graph, form: str) -> None:
    agree({"text": "flights.txt", "mermaid": "flights.mmd"}.get(form, f"flights.{form}"), render(graph, form))


def test_the_reviewed_graph_is_read_back(graph: Graph) -> None:
    assert graph_from_json(json.loads((GOLDEN / "flights.json").read_text("utf-8"))) == graph


def test_the_picture_is_well_formed_and_shows_every_node_once(graph: Graph) -> None:
    picture = ElementTree.fromstring(render(graph, "svg"))
    labels = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert all(labels.count(address) == 1 for address in graph.nodes)
