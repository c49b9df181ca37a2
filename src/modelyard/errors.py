"""Errors as part of the product: what is wrong, where, and what to do about it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a text file. Lines and columns count from 1, as editors show them."""

    file: str
    line: int
    column: int
    end_column: int | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class ModelyardError(Exception):
    """A mistake that a person can mend; the CLI renders it, never with a traceback.

    `what` is one sentence; `where` the place in a file, where there is one; `address` the YAML path it is about;
    `fix` what to do; `code` a stable kebab-case word for JSON and SARIF; `details` more lines (a log's tail).
    """

    def __init__(
        self,
        what: str,
        *,
        where: Place | None = None,
        address: str | None = None,
        fix: str | None = None,
        code: str = "error",
        details: Sequence[str] = (),
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.address = address
        self.fix = fix
        self.code = code
        self.details = tuple(details)

    def __str__(self) -> str:
        head = "  ".join(str(part) for part in (self.where, self.address, self.what) if part)
        return f"{head}\n  {self.fix}" if self.fix else head


class ErrorGroup(ModelyardError):  # noqa: N818 - as in ExceptionGroup
    """All the mistakes of one reading, so that a person sees them in one go."""

    def __init__(self, errors: Sequence[ModelyardError]) -> None:
        super().__init__(f"{len(errors)} error{'s' if len(errors) != 1 else ''}", code="errors")
        self.errors = tuple(errors)

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)
