"""The graph as an SVG picture that needs nothing else: dark on light, boxes coloured by section."""

from html import escape
from itertools import pairwise

from modelyard.graph.model import Graph, Node
from modelyard.graph.views.labels import COLOURS, Edge, clipped, edges, section, subtitle
from modelyard.graph.views.layout import Layout, lay_out

_HEIGHT, _GAP, _ACROSS, _MARGIN = 44.0, 18.0, 64.0, 24.0
_FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
_HEAD = 34.0
_LONGEST = 34


def svg(graph: Graph) -> str:
    """One picture; a box has its address, its kind below, and all of its address and inputs as a tooltip."""
    lines = edges(graph)
    layout = lay_out(list(graph.nodes), [(edge.before, edge.after) for edge in lines], _HEIGHT, _GAP)
    columns = _columns(graph, layout)
    width = max((x + w for x, w in columns), default=0.0) + _MARGIN
    height = max((layout.y[address] for address in graph.nodes), default=0.0) + _HEIGHT / 2 + _HEAD + 2 * _MARGIN
    drawn = [_line(edge, layout, columns) for edge in lines]
    boxes = [_box(graph.nodes[address], layout, columns) for address in graph.nodes]
    title = escape(f"{graph.project}" + (f" · {graph.environment}" if graph.environment else ""))
    width = max(width, len(title) * 9 + 2 * _MARGIN)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{title}" font-family="{_FONT}">',
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0.8 L7 4 L0 7.2 z" fill="#7a8594"/></marker></defs>',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
        f'<text x="{_MARGIN:.0f}" y="{_MARGIN + 10:.0f}" font-size="15" font-weight="600" '
        f'fill="#1d2733">{title}</text>',
        *drawn,
        *boxes,
        "</svg>",
    ])  # fmt: skip


def _columns(graph: Graph, layout: Layout) -> list[tuple[float, float]]:
    """Left edge and width of each layer: as wide as its longest label."""
    columns, x = [], _MARGIN
    for layer in layout.layers:
        width = max((_width(graph.nodes[slot]) for slot in layer if isinstance(slot, str)), default=20.0)
        columns.append((x, width))
        x += width + _ACROSS
    return columns


def _width(node: Node) -> float:
    """A guess at the drawn width: there is no font to ask. A little too wide is better than cut."""
    return max(len(clipped(node.address, _LONGEST)) * 8.2, len(clipped(subtitle(node), _LONGEST)) * 6.3) + 26


def _box(node: Node, layout: Layout, columns: list[tuple[float, float]]) -> str:
    x, width = columns[layout.depth[node.address]]
    y = layout.y[node.address] + _HEAD + _MARGIN
    fill, border, text = COLOURS.get(section(node), COLOURS["steps"])
    round_ = _HEIGHT / 2 if node.role == "service" else 9
    reads = "".join(f"\n{port} ← {ref}" for port, ref in node.inputs.items())
    return (
        f"<g><title>{escape(node.address)} · {escape(subtitle(node))}{escape(reads)}</title>"
        f'<rect x="{x:.1f}" y="{y - _HEIGHT / 2:.1f}" width="{width:.1f}" height="{_HEIGHT:.0f}" rx="{round_:.0f}" '
        f'fill="{fill}" stroke="{border}" stroke-width="1.2"/>'
        f'<text x="{x + width / 2:.1f}" y="{y - 3:.1f}" text-anchor="middle" font-size="13" font-weight="600" '
        f'fill="{text}">{escape(clipped(node.address, _LONGEST))}</text>'
        f'<text x="{x + width / 2:.1f}" y="{y + 13:.1f}" text-anchor="middle" font-size="11" '
        f'fill="{text}">{escape(clipped(subtitle(node), _LONGEST))}</text></g>'
    )


def _line(edge: Edge, layout: Layout, columns: list[tuple[float, float]]) -> str:
    """A line that leaves each layer it passes level, so that it cuts through no box."""
    route = layout.routes[edge.before, edge.after]
    points = []
    for at, slot in enumerate(route, layout.depth[edge.before]):
        x, width = columns[at]
        points.append((x, x + width, layout.y[slot] + _HEAD + _MARGIN))
    path = f"M{points[0][1]:.1f} {points[0][2]:.1f}"
    for (_, leave, y0), (enter, end, y1) in pairwise(points):
        half = (enter - leave) / 2
        path += f" C{leave + half:.1f} {y0:.1f} {enter - half:.1f} {y1:.1f} {enter:.1f} {y1:.1f}"
        path += f" L{end:.1f} {y1:.1f}" if (enter, end) != points[-1][:2] else ""
    dashes = ' stroke-dasharray="4 4"' if edge.waits else ""
    what = escape(f"{edge.before} → {edge.after}" + (f": {edge.passed}" if edge.passed else " (waits)"))
    return (
        f'<path d="{path}" fill="none" stroke="#7a8594" stroke-width="1.3"{dashes} marker-end="url(#arrow)">'
        f"<title>{what}</title></path>"
    )
