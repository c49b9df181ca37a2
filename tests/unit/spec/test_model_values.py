"""What people write for durations, shares, quantities and commands, and what becomes of it."""

import pytest
from pydantic_core import PydanticCustomError

from modelyard.spec.model.values import parse_argv, parse_cpu, parse_duration, parse_memory, parse_share


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("6h", 21600),
        ("7d", 604800),
        ("2ms", 0.002),
        ("1h30m", 5400),
        ("1.5h", 5400),
        (15, 15),
    ],
)
def test_durations_become_seconds(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "5 parsecs", "m", "-5s", "5s x", None, True, -1, float("nan"), [], "5s5"])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(PydanticCustomError):
        parse_duration(text)


@pytest.mark.parametrize(("text", "share"), [("70%", 0.7), ("0.5%", 0.005), ("100 %", 1), (0.15, 0.15), (1, 1), (0, 0)])
def test_shares_become_fractions(text: object, share: float) -> None:
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["101%", 1.1, "70", "-1%", True, None])
def test_what_is_no_share_is_refused(text: object) -> None:
    with pytest.raises(PydanticCustomError):
        parse_share(text)


def test_quantities_are_kubernetes_own() -> None:
    assert (parse_cpu("500m"), parse_cpu(2), parse_cpu("0.5")) == (0.5, 2.0, 0.5)
    assert (parse_memory("512Mi"), parse_memory("2Gi"), parse_memory("1k"), parse_memory(7)) == (2**29, 2**31, 1000, 7)


@pytest.mark.parametrize("text", ["2GB", "1 Gi", "", "x", None, True])
def test_what_is_no_quantity_is_refused(text: object) -> None:
    with pytest.raises(PydanticCustomError):
        parse_memory(text)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("python make.py --out ${outputs.dir}", ["python", "make.py", "--out", "${outputs.dir}"]),
        ("python -c 'print(1, 2)'", ["python", "-c", "print(1, 2)"]),
        (r"echo a\ b", ["echo", "a b"]),
        (["python", "x.py", 3, True, "a b"], ["python", "x.py", "3", "true", "a b"]),
        ("a\n  b\tc", ["a", "b", "c"]),
    ],
)
def test_a_command_is_split_once(written: object, words: list[str]) -> None:
    assert list(parse_argv(written)) == words


@pytest.mark.parametrize("written", ["", "   ", [], ["a", None], "echo 'open", {"a": 1}, 3])
def test_what_is_no_command_is_refused(written: object) -> None:
    with pytest.raises(PydanticCustomError):
        parse_argv(written)
