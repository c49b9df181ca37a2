"""Small words that many messages share: a number with its noun, and a long text on one line."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 check`, `2 checks`, `1,200 entities`."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def on_one_line(text: str, width: int = 100) -> str:
    """The text with its white space folded; what goes beyond `width` is cut at a word and shown as `…`."""
    line = " ".join(text.split())
    if len(line) <= width:
        return line
    cut = line[: width - 1]
    head, space, _ = cut.rpartition(" ")
    return f"{head if space and len(head) > width // 2 else cut}…"
