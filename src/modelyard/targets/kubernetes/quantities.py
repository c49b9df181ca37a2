"""Cores and bytes as Kubernetes itself writes them back: what is applied in any other form would differ for ever."""

_SUFFIXES = (("Ti", 1 << 40), ("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10))


def cores(count: float) -> str:
    """`2`, `500m`: to the thousandth, and never nothing at all."""
    thousandths = max(round(count * 1000), 1)
    return f"{thousandths}m" if thousandths % 1000 else str(thousandths // 1000)


def size(count: int) -> str:
    """`4Gi`, `512Mi`; bytes where no suffix divides them."""
    return next((f"{count // unit}{suffix}" for suffix, unit in _SUFFIXES if count % unit == 0 and count), str(count))
