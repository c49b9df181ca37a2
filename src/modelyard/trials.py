"""Trials that a controller of a cluster hands out: parameters as words of a command line, a metric as a line of a log.

Katib puts values into text as they are, and the text into a shell: no word here needs quotes in either.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.digests import digest_json
from modelyard.errors import ModelyardError

OPTION = "--trial"
"""Before the trial's name and its words, after NODE.json."""
EVENT = "trial"
METRICS = '"event":"trial","metric":"([^"]+)","value":([-+.0-9eE]+)'
"""Finds the event of `metric_event` in a log: name and value."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
HOPELESS = 5
"""So many failures and no success: it is the spec, not the parameters."""
_PLAIN = re.compile(r"[A-Za-z0-9_.,:/+-]+")


def metric_event(name: str, value: float) -> dict[str, Any]:
    return {"event": EVENT, "metric": name, "value": value}


def words_of_choices(choices: Sequence[Any]) -> list[str]:
    """A word for each: the choice itself where all are plain and differ, else their numbers."""
    words = [one if isinstance(one, str) else json.dumps(one) for one in choices]
    if len(set(words)) == len(words) and all(_PLAIN.fullmatch(word) for word in words):
        return words
    return [f"choice-{number + 1}" for number in range(len(choices))]


def value_of(word: str, settings: Mapping[str, Any]) -> Any:
    """What a word says of a parameter: rounded and held to its range, which Katib's samplers may leave by a hair."""
    choices = settings.get("choices")
    if choices is not None:
        return choices[words_of_choices(choices).index(word)]
    low, high = settings["from"], settings["to"]
    value = min(max(float(word), low), high)
    return round(value) if settings.get("int") else float(value)


def values_of(words: Mapping[str, str], space: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Raises ModelyardError for words of another space."""
    try:
        return {name: value_of(words[name], space[name]) for name in sorted(space)}
    except (KeyError, ValueError) as error:
        raise ModelyardError(f"these are no parameters of the study: {dict(words)}", code="bad-trial") from error


def trial_of(arguments: Sequence[str]) -> dict[str, Any]:
    """`--trial NAME x=1 y=2`, as a task's document has it. Raises ModelyardError."""
    if len(arguments) < 2 or arguments[0] != OPTION:
        raise ModelyardError(f"say which: {OPTION} NAME PARAMETER=VALUE …", code="bad-trial")
    return {"trial": arguments[1], "words": dict(word.partition("=")[::2] for word in arguments[2:])}


def key_of(fingerprint: str, trial: str) -> str:
    """What a trial's result is kept under in the store."""
    return digest_json({"study": fingerprint, "trial": trial})
