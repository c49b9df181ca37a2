"""The image that serves an ONNX model: at most 450 MB above the image that it is built upon."""

import json
import threading

from compose_flights import BASE, docker, flights
from measure import result

import modelyard
from modelyard.targets.compose.access import container_user
from modelyard.targets.compose.folder import ComposeFolder
from modelyard.targets.compose.names import Scope
from modelyard.targets.compose.rendering import render_graph
from modelyard.targets.docker.compose_cli import ComposeCli
from modelyard.targets.docker.engine import Engine
from modelyard.targets.images import images_of
from modelyard.targets.images.building import build

BAR = 450.0


def megabytes(image: str) -> float:
    return float(json.loads(docker("image", "inspect", image))[0]["Size"]) / 1e6


with flights() as root:
    graph = modelyard.compile_graph(modelyard.load(root / "mlops.yaml", environment="staging"))
    scope = Scope(graph.project, "staging", root)
    images = images_of(graph, root, BASE)
    ComposeFolder(scope.folder).write(render_graph(graph, scope, images, BASE, container_user()))
    build(ComposeCli(scope), Engine.connect(), str(root), [images["serving"]], print, threading.Event())
    above = megabytes(images["serving"].name) - megabytes(BASE)
    training = {"torch", "mlflow", "scikit-learn"} & {
        line.partition("==")[0] for line in images["serving"].files["constraints.txt"].decode().split()
    }
print(f"the serving image of flights: {above:.0f} MB above {BASE}")
result("compose-serving-size-mb", above, BAR, 1.0, extra=not training)
