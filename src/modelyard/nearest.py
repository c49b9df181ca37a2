"""«did you mean»: the known words that a mistyped one is closest to."""

from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Up to `most` known words near to `word`, letter case aside, the nearest first."""
    from difflib import get_close_matches  # 5 ms that nobody pays who made no mistake

    names = {name.lower(): name for name in known}
    return [names[match] for match in get_close_matches(word.lower()[:100], names, n=most, cutoff=0.6)]


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word nearest to `word`; None where nothing is near."""
    return next(iter(nearest(word, known, 1)), None)


def did_you_mean(word: str, known: Iterable[str], kind: str, limit: int = 8) -> str:
    """A hint in the shape «did you mean `x`? Keys here: a, b, …»."""
    names = sorted(known)
    near = closest(word, names)
    shown = ", ".join(names[:limit]) + (", …" if len(names) > limit else "")
    return " ".join(
        part for part in (f"did you mean `{near}`?" if near else "", f"{kind}: {shown}" if shown else "") if part
    )
