"""`modelyard fmt`: sections in their order, two spaces a level, no stray blanks. Nothing else is touched.

The text is moved, never written anew: what a comment says, how a value is quoted and where a list is broken stay as
they are, to the byte. Whatever cannot be moved safely (anchors used across sections, `? key`) stays where it is.
"""

import re
from collections import Counter

from modelyard.spec.layout import Node, layout
from modelyard.spec.reader import read
from modelyard.spec.syntax import BREAK

SECTION_ORDER = (
    "version", "project", "extends", "variables", "x-",
    "steps", "sources", "expectations", "features", "training", "tuning", "registry", "serving", "monitoring",
    "pipeline", "notifications", "runtime", "tracking", "store", "state", "secrets", "policies",
    "target", "environments",
)  # fmt: skip

_COMMENT = re.compile(r"[ \t]*#")


def fmt(text: str, file: str = "mlops.yaml") -> str:
    """The text in its canonical layout; formatted once more it stays the same. Raises ModelyardError for bad YAML."""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    before = read(text.encode(), file)
    lines = BREAK.split(text.removeprefix("\ufeff"))
    for step in (_reindent, _reorder, _tidy):
        moved = step("\n".join(lines) + "\n")
        if _says_the_same(before.tree, _comments(lines), moved, file):
            lines = moved.removesuffix("\n").split("\n")
    return mark + "\n".join(lines) + "\n"


def _says_the_same(tree: object, comments: Counter[str], text: str, file: str) -> bool:
    from modelyard.errors import ModelyardError

    try:
        return read(text.encode(), file).tree == tree and _comments(text.split("\n")) == comments
    except ModelyardError:
        return False


def _comments(lines: list[str]) -> Counter[str]:
    return Counter(line.strip() for line in lines if _COMMENT.match(line))


class _Lines:
    """What stands on each line, and where it goes. Lines that hold no key or dash move with the block they are in."""

    def __init__(self, text: str) -> None:
        self.lines = text.removesuffix("\n").split("\n")
        self.tokens: dict[int, list[tuple[int, int]]] = {}
        self.shifts: dict[int, int] = {}
        self.verbatim: set[int] = set()
        self.blocks: list[tuple[int, int, int, int]] = []
        self.movable = True

    def visit(self, node: Node, column: int) -> None:
        """Note where `node`, a block collection that belongs in `column`, and all below it go."""
        if node.anchored and node.line == (node.keys or node.values)[0].line:
            self.movable = False
        base = node.column
        if node.kind == "map":
            base = node.keys[0].column
            if self.lines[node.keys[0].line][:base].strip(" -") or any(key.column != base for key in node.keys):
                self.movable = False
        self.blocks.append((node.line, node.end_line, base, column))
        bound = node.line
        for index, value in enumerate(node.values):
            if node.kind == "map":
                self.tokens.setdefault(node.keys[index].line, []).append((base, column))
            else:
                bound = self._dash(value, base, column, bound)
            if value.values and not value.flow:
                self.visit(value, column + 2)
            else:
                self._follow(value, column - base)

    def _dash(self, value: Node, base: int, column: int, bound: int) -> int:
        for number in range(value.line, bound - 1, -1):
            if re.match(r"-(\s|$)", self.lines[number][base:]):
                self.tokens.setdefault(number, []).append((base, column))
                return number + (0 if number < value.end_line else 1)
        self.movable = False
        return bound

    def _follow(self, value: Node, shift: int) -> None:
        last = value.end_line - (1 if value.end_column == 0 else 0)
        for number in range(value.line + 1, last + 1):
            self.shifts[number] = shift
            if not value.flow:
                self.verbatim.add(number)

    def moved(self) -> str:
        return "".join(f"{self._line(number, line)}\n" for number, line in enumerate(self.lines))

    def _line(self, number: int, line: str) -> str:
        tokens = self.tokens.get(number)
        if tokens and len(line) - len(line.lstrip()) == tokens[0][0]:
            return self._structure(line, tokens)
        if number in self.shifts:
            return _shifted(line, self.shifts[number])
        if _COMMENT.match(line):
            return " " * self._comment_column(number, line) + line.lstrip()
        return line

    @staticmethod
    def _structure(line: str, tokens: list[tuple[int, int]]) -> str:
        out = ""
        for (base, column), following in zip(tokens, [*tokens[1:], None], strict=True):
            out += " " * (column - len(out))
            if following:
                out += line[base : following[0]].rstrip()
            elif re.match(r"- +[^ #]", line[base:]):
                out += "- " + line[base + 1 :].lstrip()
            else:
                out += line[base:]
        return out

    def _comment_column(self, number: int, line: str) -> int:
        """A comment goes with the line below it that stands in its column; else with the block it is in."""
        own = len(line) - len(line.lstrip())
        for below in range(number + 1, len(self.lines)):
            if self.lines[below].strip() and not _COMMENT.match(self.lines[below]):
                tokens = self.tokens.get(below, [])
                if tokens and tokens[0][0] == own:
                    return tokens[0][1]
                break
        around = [block for block in self.blocks if block[0] <= number and block[2] <= own]
        if not around:
            return own
        _, _, base, column = max(around, key=lambda block: (block[0], block[2]))
        return column + (own - base if own - base < 2 else 2 if own > base else 0)


def _shifted(line: str, shift: int) -> str:
    if shift >= 0:
        return " " * shift + line if line.strip() else line
    spaces = len(line) - len(line.lstrip(" "))
    return line[min(-shift, spaces) :]


def _reindent(text: str) -> str:
    root = layout(text)
    if root is None or root.kind != "map" or root.flow or not root.values:
        return text
    lines = _Lines(text)
    lines.visit(root, 0)
    return lines.moved() if lines.movable else text


def _reorder(text: str) -> str:
    root = layout(text)
    if root is None or root.kind != "map" or root.flow or not root.values:
        return text
    lines = text.removesuffix("\n").split("\n")
    starts = [_leading(lines, root.keys[index].line, _last_line(root, index - 1)) for index in range(len(root.keys))]
    head = lines[: starts[0]]
    ends = [*starts[1:], len(lines)]
    chunks = [lines[start:end] for start, end in zip(starts, ends, strict=True)]
    order = sorted(range(len(chunks)), key=lambda index: (_rank(root.names[index]), index))
    if order == list(range(len(chunks))):
        return text
    return "".join(f"{line}\n" for line in [*head, *(line for index in order for line in chunks[index])])


def _last_line(root: Node, index: int) -> int:
    if index < 0:
        return -1
    value = root.values[index]
    return max(root.keys[index].line, value.end_line - (1 if value.end_column == 0 else 0))


def _leading(lines: list[str], key: int, above: int) -> int:
    """The first line of what belongs to the key: its comments in the first column, and the blank lines before them."""
    start = key
    while start - 1 > above and (lines[start - 1].startswith("#") or not lines[start - 1].strip()):
        start -= 1
    if above >= 0:
        return start
    blanks = [number for number in range(start, key) if not lines[number].strip()]
    return blanks[-1] + 1 if blanks else start


def _rank(name: str) -> int:
    known = {section: rank for rank, section in enumerate(SECTION_ORDER)}
    return known.get(name, known["x-"])


def _tidy(text: str) -> str:
    """No blanks at the end of lines, no two empty lines in a row, none at either end of the file."""
    root = layout(text)
    lines = text.removesuffix("\n").split("\n")
    keep = _verbatim(root) if root else set()
    kept: list[str] = []
    for number, line in enumerate(lines):
        shown = line if number in keep else line.rstrip()
        if shown or number in keep or (kept and kept[-1]):
            kept.append(shown)
    while kept and not kept[-1]:
        kept.pop()
    return "".join(f"{line}\n" for line in kept)


def _verbatim(node: Node) -> set[int]:
    """The lines that lie inside of a text of several lines, where blanks may mean something."""
    found: set[int] = set()
    for value in node.values:
        if value.kind == "scalar" and value.style and value.end_line > value.line:
            found.update(range(value.line, value.end_line + (1 if value.end_column else 0)))
        else:
            found |= _verbatim(value)
    return found
