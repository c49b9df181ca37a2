"""The graph for people: a tree of text, Mermaid, DOT, SVG."""

from modelyard.graph.model import Graph

FORMS = ("text", "mermaid", "dot", "svg")


def render(graph: Graph, form: str = "text") -> str:
    """The graph in one of `FORMS`, without a newline at its end. Raises ValueError for another form."""
    if form == "text":
        from modelyard.graph.views.text import text

        return text(graph)
    if form == "mermaid":
        from modelyard.graph.views.mermaid import mermaid

        return mermaid(graph)
    if form == "dot":
        from modelyard.graph.views.dot import dot

        return dot(graph)
    if form == "svg":
        from modelyard.graph.views.svg import svg

        return svg(graph)
    raise ValueError(f"no view `{form}`; there is {', '.join(FORMS)}")
