"""What a plain scalar means: YAML 1.2's core schema, so that `yes`, `on` and `012` are what they look like."""

import re
from typing import Any

MAX_DIGITS = 300

_NUMBER_START = frozenset("+-.0123456789")
# the rarer ones are text: a pattern is compiled when it is first used, and most specs need but these two
_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL = r"0o[0-7]+"
_HEX = r"0x[0-9a-fA-F]+"
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# what YAML 1.1 reads as something else; we write such strings quoted, for other tools read the same file
_YAML_1_1 = (
    r"(?i:y|n|yes|no|on|off|=|<<)|[-+]?[0-9][0-9_]*(:[0-9_]+)+(\.[0-9_]*)?|[-+]?(0b)?[0-9.][0-9_.eE+-]*"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*"
)


class NumberError(ValueError):
    """A number that JSON cannot carry."""


def resolve(text: str) -> Any:
    """The value of a plain scalar. Raises NumberError for infinities, not-a-number and numbers without end."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_START:
        return text
    if len(text) > MAX_DIGITS:
        if _FLOAT.fullmatch(text) or re.fullmatch(_HEX, text) or re.fullmatch(_OCTAL, text):
            raise NumberError(f"a number of more than {MAX_DIGITS} digits")
        return text
    return _number(text)


def _number(text: str) -> Any:
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        value = float(text)
        if value in (float("inf"), float("-inf")):
            raise NumberError(f"`{text}` is too large a number")
        return value
    if re.fullmatch(_OCTAL, text):
        return int(text[2:], 8)
    if re.fullmatch(_HEX, text):
        return int(text[2:], 16)
    if re.fullmatch(_NOT_FINITE, text):
        raise NumberError(f"`{text}` is not a finite number")
    return text


def means_other(text: str) -> bool:
    """Whether a string, written plain, would be read as something else by YAML 1.2 or by 1.1."""
    try:
        return resolve(text) is not text or re.fullmatch(_YAML_1_1, text) is not None
    except NumberError:
        return True
