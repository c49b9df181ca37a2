"""Words and colours that all views share."""

from dataclasses import dataclass

from modelyard.graph.model import Graph, Node

# fill, border, text: pale grounds with dark text (contrast above 7), told apart by hue and always by the address too
COLOURS = {
    "steps": ("#eceff3", "#5b6675", "#1d2733"),
    "sources": ("#dcebfb", "#2f6fb2", "#10304f"),
    "expectations": ("#fdf0cf", "#a87806", "#463200"),
    "features": ("#d9f2ee", "#1d8276", "#08382f"),
    "training": ("#e8e1fa", "#6a4bb5", "#2a1857"),
    "tuning": ("#f6def0", "#a63f8b", "#4a123c"),
    "registry": ("#fbe3d6", "#b9561f", "#4e2007"),
    "serving": ("#dcf3d8", "#3a8332", "#133a0e"),
    "monitoring": ("#fbdcdf", "#b43a49", "#4f0f19"),
    "tracking": ("#eceff3", "#5b6675", "#1d2733"),
}


def section(node: Node) -> str:
    return node.address.split(".", 1)[0]


def subtitle(node: Node) -> str:
    """What a node is, in a few words: its kind, and the engine or command."""
    what = node.config.get("engine") if node.kind in {"train", "evaluate"} else None
    if node.kind == "tune":
        what = node.config["training"]["engine"]
    if node.kind == "ingest":
        what = node.config.get("type")
    if node.kind == "serve":
        what = f":{node.config['port']}" if node.config.get("port") else None
    if node.kind == "command":
        what = " ".join(node.config["run"])
    if node.kind == "function":
        what = node.config.get("call")
    return f"{node.kind} {what}" if what else node.kind


def clipped(text: str, width: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= width else f"{flat[: width - 1]}…"


@dataclass(frozen=True, slots=True)
class Edge:
    """`passed`: the outputs that pass; empty where `after` only waits for `before`."""

    before: str
    after: str
    passed: str = ""

    @property
    def waits(self) -> bool:
        return not self.passed


def edges(graph: Graph) -> list[Edge]:
    """Each pair of nodes once."""
    found: list[Edge] = []
    for node in graph.nodes.values():
        passed: dict[str, list[str]] = {}
        for ref in node.inputs.values():
            passed.setdefault(ref.node, []).append(ref.output)
        found += [Edge(before, node.address, ", ".join(dict.fromkeys(outputs))) for before, outputs in passed.items()]
        found += [Edge(before, node.address) for before in node.after if before not in passed]
    return found
