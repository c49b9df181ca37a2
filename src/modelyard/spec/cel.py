"""The grammar of CEL, as far as names go: which names an expression uses and where, and whether it parses at all.

The library that evaluates CEL takes 0.3 s to import, so `validate` reads expressions by itself. Grammar: the CEL
language definition (google/cel-spec, «Syntax»), without byte and triple-quoted strings.
"""

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>0x[0-9a-fA-F]+u?|\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\d+u?|\.\d+)"""
    r"""|(?P<text>r?"(?:\\.|[^"\\\n])*"|r?'(?:\\.|[^'\\\n])*')|(?P<name>[A-Za-z_]\w*)"""
    r"""|(?P<sign>&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}]))"""
)
_LEVELS = (("||",), ("&&",), ("<", "<=", ">", ">=", "==", "!=", "in"), ("+", "-"), ("*", "/", "%"))
_MACROS = {"all": 1, "exists": 1, "exists_one": 1, "map": 1, "filter": 1}
_FUNCTIONS = frozenset(
    (
        "has",
        "size",
        "int",
        "uint",
        "double",
        "string",
        "bool",
        "type",
        "dyn",
        "duration",
        "timestamp",
        "matches",
        "max",
        "min",
    )
)
_MAX_DEPTH = 60


class CelSyntaxError(ValueError):
    """`offset` counts characters from the expression's beginning."""

    def __init__(self, what: str, offset: int) -> None:
        super().__init__(what)
        self.what = what
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Name:
    """A name and what is selected from it: `metrics.mAP50` is path ("metrics", "mAP50"), each with its offset."""

    path: tuple[str, ...]
    offsets: tuple[int, ...]


@dataclass(eq=False, repr=False)
class _Parser:
    text: str
    tokens: list[tuple[str, str, int]]
    at: int = 0
    depth: int = 0
    bound: list[str] = field(default_factory=list)
    names: list[Name] = field(default_factory=list)

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> tuple[str, str, int]:
        if self.at >= len(self.tokens):
            raise CelSyntaxError(f"ends where {f'`{wanted}`' if wanted else 'a value'} is expected", len(self.text))
        token = self.tokens[self.at]
        if wanted and token[1] != wanted:
            raise CelSyntaxError(f"`{token[1]}` stands where `{wanted}` is expected", token[2])
        self.at += 1
        return token

    def expression(self) -> None:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise CelSyntaxError("is nested too deeply", self.tokens[self.at][2] if self.at < len(self.tokens) else 0)
        self.level(0)
        if self.peek() == "?":
            self.take()
            self.level(0)
            self.take(":")
            self.expression()
        self.depth -= 1

    def level(self, number: int) -> None:
        if number == len(_LEVELS):
            self.unary()
            return
        self.level(number + 1)
        while self.peek() in _LEVELS[number] and self.tokens[self.at][0] != "text":
            self.take()
            self.level(number + 1)

    def unary(self) -> None:
        while self.peek() in ("!", "-"):
            self.take()
        self.member()

    def member(self) -> None:
        path = self.primary()
        while self.peek() in (".", "["):
            if self.take()[1] == "[":
                path = self.index(path)
                continue
            kind, name, offset = self.take()
            if kind != "name":
                raise CelSyntaxError(f"`{name}` cannot follow `.`", offset)
            if self.peek() == "(":
                self.note(path)
                path = None
                self.call(name)
            elif path:
                path = (*path, (name, offset))
        self.note(path)

    def index(self, path: "_Path") -> "_Path":
        kind, text, offset = self.tokens[self.at] if self.at < len(self.tokens) else ("", "", 0)
        closes = self.tokens[self.at + 1][1] if self.at + 1 < len(self.tokens) else ""
        if path and kind == "text" and closes == "]" and text[0] != "r" and "\\" not in text:
            self.at += 2
            return (*path, (text[1:-1], offset + 1))
        self.note(path)
        self.expression()
        self.take("]")
        return None

    def call(self, name: str) -> None:
        """Arguments; the first of a macro binds a name for the others."""
        self.take("(")
        if name in _MACROS and self.at < len(self.tokens) and self.tokens[self.at][0] == "name":
            self.bound.append(self.take()[1])
            self.take(",")
            self.list_until(")")
            self.bound.pop()
        else:
            self.list_until(")")

    def list_until(self, end: str, *, pairs: bool = False) -> None:
        while self.peek() != end:
            self.expression()
            if pairs:
                self.take(":")
                self.expression()
            if self.peek() != end:
                self.take(",")
        self.take(end)

    def primary(self) -> "_Path":
        kind, text, offset = self.take()
        if text == "(" and kind == "sign":
            self.expression()
            self.take(")")
        elif text == "[" and kind == "sign":
            self.list_until("]")
        elif text == "{" and kind == "sign":
            self.list_until("}", pairs=True)
        elif kind == "name" and text not in ("true", "false", "null"):
            if self.peek() == "(":
                if text not in _FUNCTIONS:
                    raise CelSyntaxError(f"there is no function `{text}`", offset)
                self.call(text)
                return None
            return ((text, offset),)
        elif kind == "sign":
            raise CelSyntaxError(f"`{text}` stands where a value is expected", offset)
        return None

    def note(self, path: "_Path") -> None:
        if path and path[0][0] not in self.bound:
            self.names.append(Name(tuple(name for name, _ in path), tuple(offset for _, offset in path)))


_Path = tuple[tuple[str, int], ...] | None


def names_in(expression: str) -> list[Name]:
    """The names that a CEL expression uses, in order. Raises CelSyntaxError where it does not parse."""
    parser = _Parser(expression, _tokens(expression))
    parser.expression()
    if parser.at < len(parser.tokens):
        _, text, offset = parser.tokens[parser.at]
        raise CelSyntaxError(f"`{text}` stands where the expression could end", offset)
    return parser.names


def _tokens(text: str) -> list[tuple[str, str, int]]:
    tokens = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if not match or match.end() == position:
            offset = position + len(text[position:]) - len(text[position:].lstrip())
            raise CelSyntaxError(f"`{text[offset]}` is not CEL" + _HINTS.get(text[offset], ""), offset)
        kind = match.lastgroup or ""
        tokens.append((kind, match[kind], match.start(kind)))
        position = match.end()
    if not tokens:
        raise CelSyntaxError("is empty", 0)
    return tokens


_HINTS = {
    "=": "; write `==`",
    "&": "; write `&&`",
    "|": "; write `||`",
    '"': ": the text does not end",
    "'": ": the text does not end",
}
