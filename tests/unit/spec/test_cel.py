"""Names are found in conditions, and what is no CEL says so at its column."""

import pytest

from modelyard.spec.cel import CelSyntaxError, names_in


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("metrics.mAP50 >= 0.85", ["metrics.mAP50"]),
        ("!has(champion.a) || metrics.a >= champion.a - 0.005", ["champion.a", "metrics.a", "champion.a"]),
        ("metrics['roc auc'] > 1e-3 ? true : size(x) in [1, y]", ["metrics.roc auc", "x", "y"]),
        ("slices.carrier.all(k, slices.carrier[k].auc > 0.5)", ["slices.carrier", "slices.carrier"]),
        ("plan.changes.exists(c, c.action == 'delete' && c.kind in ['train'])", ["plan.changes"]),
        ("-a.b * (c % 2u) == {'k': d}.k", ["a.b", "c", "d"]),
        (r"name.startsWith('a\'b') && r'\d' != q", ["name", "q"]),
        ("'in' == a && b in c", ["a", "b", "c"]),
    ],
)
def test_names_of_an_expression(text: str, paths: list[str]) -> None:
    assert [".".join(name.path) for name in names_in(text)] == paths


def test_names_know_where_they_stand() -> None:
    (name,) = names_in("  metrics.f1 > 0.5")
    assert name.offsets == (2, 10)


@pytest.mark.parametrize(
    ("text", "offset", "words"),
    [
        ("", 0, "empty"), ("a = 1", 2, "=="), ("a >", 3, "ends"), ("(a", 2, "ends"), ("a b", 2, "could end"),
        ("foo(a)", 0, "no function"), ("'x", 0, "does not end"), ("a & b", 2, "&&"), ("a..b", 2, "cannot follow"),
        ("a ? b", 5, "ends"), ("[1, 2", 5, "ends"), (") > 1", 0, "value"), ("a > > b", 4, "value"),
    ],
)  # fmt: skip
def test_what_is_no_cel(text: str, offset: int, words: str) -> None:
    with pytest.raises(CelSyntaxError) as caught:
        names_in(text)
    assert (caught.value.offset, words in caught.value.what) == (offset, True), caught.value.what


def test_deep_nesting_is_refused_not_a_crash() -> None:
    with pytest.raises(CelSyntaxError, match="deep"):
        names_in("(" * 5000 + "a" + ")" * 5000)
    assert len(names_in("!" * 5000 + "a")) == 1


def test_it_agrees_with_the_library() -> None:
    from modelyard.cel import library

    for text in ("a.b > 1", "a in [1, 2]", "a ? 1 : 2", "!a || b && c", "a.all(x, x > 1)", "'q' + \"r\" == s"):
        library().compile(text)
        assert names_in(text)
    for text in ("a = 1", "a >", "(a", "a b", "'x", "a & b"):
        with pytest.raises(ValueError):
            library().compile(text)
        with pytest.raises(CelSyntaxError):
            names_in(text)
