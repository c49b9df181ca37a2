"""Durations, sizes, amounts and ages as a person reads them."""

from datetime import UTC, datetime


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `4 min 10 s`, `2 h 05 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def written(seconds: float) -> str:
    """As a spec has it: `10m`, `90s`, `2h`."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:g}s"


def size(count: int) -> str:
    """Bytes in decimal units: `3.1 MB`."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 999.5 or unit == "TB":
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 99.5 else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError


def signed_size(count: int) -> str:
    return ("−" if count < 0 else "+") + size(abs(count))


def amount(value: float) -> str:
    """A number without needless zeros: `0`, `0.5`, `8.25`."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def age(moment: str, now: datetime | None = None) -> str:
    """How long ago an ISO 8601 time was; the text itself where it is not one."""
    try:
        then = datetime.fromisoformat(moment)
    except ValueError:
        return moment
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    seconds = ((now or datetime.now(UTC)) - then).total_seconds()
    if seconds < 60:
        return "just now"
    for unit, length, limit in (("min", 60, 3600), ("h", 3600, 86400)):
        if seconds < limit:
            return f"{int(seconds // length)} {unit} ago"
    days = int(seconds // 86400)
    return f"{days} day{'' if days == 1 else 's'} ago"


def short_digest(digest: str) -> str:
    return f"{digest[:7]}…" if len(digest) > 12 else digest
