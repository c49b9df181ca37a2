"""From bytes to text, and from libyaml's words to ours."""

import re
from collections.abc import Callable

from modelyard.errors import ModelyardError, Place
from modelyard.spec.libyaml import yaml

MAX_BYTES = 10_000_000

_BOM = "\ufeff"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_CONTROL = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
_PLAIN = bytes([*b"\t\n\r", *range(0x20, 0x7F)])
_ALONE = ("\ufeff", "\ufffe", "\uffff")
"""Characters above Latin-1 that YAML leaves out; halves of surrogate pairs cannot come out of UTF-8. As one character
class they would take 10 ms to compile, at each start."""
BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


def decode(data: bytes, file: str) -> str:
    """The text of a spec file, its byte order mark left out. Raises ModelyardError with the place."""
    if len(data) > MAX_BYTES:
        raise ModelyardError(
            f"the file is larger than {MAX_BYTES // 1_000_000} MB",
            where=Place(file, 1, 1),
            fix="a spec describes data; keep the data itself in files that `sources` names",
            code="too-large",
        )
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise _not_utf_8(data, error, file) from None
    text = text.removeprefix(_BOM)
    at = _not_text(text) if data.translate(None, _PLAIN) else None  # the search takes 60 ms, this 8
    if at is not None:
        name = "a NUL byte" if text[at] == "\0" else f"the control character U+{ord(text[at]):04X}"
        raise ModelyardError(
            f"{name} cannot stand in a YAML file",
            where=place_of(text, at, file),
            fix='remove it; in a quoted string it may be written as an escape, such as "\\x07"',
            code="not-text",
        )
    return text


def _not_text(text: str) -> int | None:
    """Where the first character is that cannot stand in a YAML file."""
    control = _CONTROL.search(text)
    found = [control.start()] if control else []
    if not text.isascii():
        found += [at for sign in _ALONE if (at := text.find(sign)) >= 0]
    return min(found, default=None)


def place_of(text: str, index: int, file: str, length: int = 0) -> Place:
    """The place of the `length` characters at `index`."""
    line, begin = 1, 0
    for found in BREAK.finditer(text, 0, index):
        line, begin = line + 1, found.end()
    return Place(file, line, index - begin + 1, index - begin + 1 + length if length else None)


def _not_utf_8(data: bytes, error: UnicodeDecodeError, file: str) -> ModelyardError:
    before = data[: error.start].decode()
    utf_16 = data.startswith(_UTF_16)
    return ModelyardError(
        "the file is UTF-16, not UTF-8" if utf_16 else f"byte 0x{data[error.start]:02x} is not UTF-8",
        where=place_of(before, len(before), file),
        fix="save the file as UTF-8",
        code="not-utf-8",
    )


def explain(error: yaml.MarkedYAMLError, text: str, file: str) -> ModelyardError:
    """Say what libyaml found in the words of someone who writes a spec."""
    mark = error.problem_mark or error.context_mark
    assert mark is not None
    index = min(mark.index, len(text))
    for rule in (_reference_in_flow, _tab, _reserved, _colon, _unclosed, _unfinished_key, _indentation):
        if said := rule(error, text, index):
            what, fix, at, length = said
            return ModelyardError(what, where=place_of(text, at, file, length), fix=fix, code="yaml")
    problem = error.problem or "not YAML"
    context = f" {error.context}" if error.context else ""
    return ModelyardError(f"{problem}{context}", where=place_of(text, index, file), fix="check the YAML", code="yaml")


_Said = tuple[str, str, int, int] | None
_Rule = Callable[[yaml.MarkedYAMLError, str, int], _Said]


def _reference_in_flow(error: yaml.MarkedYAMLError, text: str, index: int) -> _Said:
    if text[index - 1 : index + 1] != "${" or "flow" not in (error.context or ""):
        return None
    found = re.compile(r"\$\{[^}\n]*\}?").match(text, index - 1)
    written = found[0] if found else "${…}"
    return f"`{written}` inside {{…}} or […] needs quotes", f'write "{written}"', index - 1, len(written)


def _tab(error: yaml.MarkedYAMLError, text: str, index: int) -> _Said:
    begin = max(text.rfind(end, 0, index) for end in "\n\r") + 1
    indent = re.compile(r"[ \t]*").match(text, begin)
    assert indent
    if "\t" not in indent[0] or not (indent.end() >= index or "tab" in (error.problem or "")):
        return None
    return "a tab in the indentation", "indent with spaces", begin + indent[0].index("\t"), 1


def _reserved(error: yaml.MarkedYAMLError, text: str, index: int) -> _Said:
    if "cannot start any token" not in (error.problem or ""):
        return None
    return f"a plain value cannot begin with `{text[index : index + 1]}`", "put the value in quotes", index, 1


def _colon(error: yaml.MarkedYAMLError, text: str, index: int) -> _Said:
    if "mapping values are not allowed" not in (error.problem or ""):
        return None
    fix = "put a value that has `: ` in it in quotes; if this is a key, check its indentation and the line above"
    return "`:` cannot stand here", fix, index, 1


def _unclosed(error: yaml.MarkedYAMLError, text: str, index: int) -> _Said:
    context, mark = error.context or "", error.context_mark
    signs = ("did not find expected ',' or", "unexpected end of stream")
    if mark is None or not any(sign in (error.problem or "") for sign in signs):
        return None
    opened = text[mark.index : mark.index + 1]
    if "quoted" in context:
        return f"the quote {opened} is never closed", f"close it with {opened}", mark.index, 1
    closing = {"{": "}", "[": "]"}.get(opened, "")
    return f"`{opened}` is not closed, or a comma is missing", f"close it with `{closing}`", mark.index, 1


def _unfinished_key(error: yaml.MarkedYAMLError, text: str, index: int) -> _Said:
    if "could not find expected ':'" not in (error.problem or "") or error.context_mark is None:
        return None
    return "a key without `:`", "write `key: value`, or `- value` for an item of a list", error.context_mark.index, 0


def _indentation(error: yaml.MarkedYAMLError, text: str, index: int) -> _Said:
    if "did not find expected" not in (error.problem or "") or "block" not in (error.context or ""):
        return None
    return "the indentation does not fit the lines above", "line up keys of the same map in the same column", index, 0
