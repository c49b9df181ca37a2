"""Cores and bytes as Kubernetes itself writes them back: what is applied in any other form would differ for ever."""

_BINARY = (("Ti", 1 << 40), ("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10))
_DECIMAL = (("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3))


def cores(count: float) -> str:
    """`2`, `500m`: to the thousandth, and never nothing at all. Requests a second are written so too."""
    thousandths = max(round(count * 1000), 1)
    return f"{thousandths}m" if thousandths % 1000 else _shortest(thousandths // 1000, _DECIMAL)


def size(count: int) -> str:
    """`4Gi`, `512Mi`; `2G` of what was meant so, and bytes where no suffix divides them."""
    return _shortest(count, _DECIMAL if count % 1024 else _BINARY)


def _shortest(count: int, suffixes: tuple[tuple[str, int], ...]) -> str:
    """Without a fraction, by the largest suffix that leaves none."""
    return next((f"{count // unit}{suffix}" for suffix, unit in suffixes if count and count % unit == 0), str(count))
