"""«did you mean»: the one known word that a mistyped one is closest to."""

from collections.abc import Iterable


def closest(word: str, known: Iterable[str]) -> str | None:
    """The known word nearest to `word`, letter case aside; None where nothing is near."""
    from difflib import get_close_matches

    names = {name.lower(): name for name in known}
    matches = get_close_matches(word.lower()[:100], names, n=1, cutoff=0.6)
    return names[matches[0]] if matches else None


def did_you_mean(word: str, known: Iterable[str], kind: str, limit: int = 8) -> str:
    """A hint in the shape «did you mean `x`? Keys here: a, b, …»."""
    names = sorted(known)
    near = closest(word, names)
    shown = ", ".join(names[:limit]) + (", …" if len(names) > limit else "")
    return " ".join(
        part for part in (f"did you mean `{near}`?" if near else "", f"{kind}: {shown}" if shown else "") if part
    )
