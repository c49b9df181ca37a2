"""What the API server answers where it does not do what it is asked: `Status` objects, worded as the real ones."""

from collections.abc import Mapping, Sequence
from typing import Any

REASONS = {
    400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 405: "MethodNotAllowed",
    409: "Conflict", 410: "Expired", 415: "UnsupportedMediaType", 422: "Invalid", 429: "TooManyRequests",
    500: "InternalError", 503: "ServiceUnavailable",
}  # fmt: skip


class Refusal(Exception):  # noqa: N818 - as in ErrorGroup
    def __init__(
        self, code: int, message: str, reason: str = "", details: Mapping[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason or REASONS.get(code, "")
        self.details = dict(details or {})
        self.retry_after = retry_after
        if retry_after is not None:
            self.details["retryAfterSeconds"] = retry_after

    def status(self) -> dict[str, Any]:
        return {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message,
            "reason": self.reason, "details": self.details, "code": self.code,
        }  # fmt: skip


def not_found(plural: str, group: str, name: str) -> Refusal:
    return Refusal(404, f"{_titled(plural, group, name)} not found", details=_about(plural, group, name))


def already_exists(plural: str, group: str, name: str) -> Refusal:
    said = f"{_titled(plural, group, name)} already exists"
    return Refusal(409, said, "AlreadyExists", _about(plural, group, name))


def out_of_date(plural: str, group: str, name: str) -> Refusal:
    text = "the object has been modified; please apply your changes to the latest version and try again"
    said = f"Operation cannot be fulfilled on {_titled(plural, group, name)}: {text}"
    return Refusal(409, said, details=_about(plural, group, name))


def invalid(kind: str, group: str, name: str, causes: Sequence[tuple[str, str]]) -> Refusal:
    """`causes`: field and message of each."""
    said = ", ".join(f"{field}: {message}" for field, message in causes)
    text = f"[{said}]" if len(causes) > 1 else said
    listed = [{"reason": "FieldValueInvalid", "message": message, "field": field} for field, message in causes]
    details = {**_about(kind, group, name), "causes": listed}
    return Refusal(422, f"{_titled(kind, group, name)} is invalid: {text}", details=details)


def _titled(kind: str, group: str, name: str) -> str:
    return f'{kind}.{group} "{name}"' if group else f'{kind} "{name}"'


def _about(kind: str, group: str, name: str) -> dict[str, Any]:
    return {"name": name, "group": group, "kind": kind}


def conflict(found: Sequence[tuple[str, str]]) -> Refusal:
    """`found`: field and manager, as `"NAME" using VERSION at TIME`, of each conflict."""
    many = "conflicts" if len(found) > 1 else "conflict"
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {manager}", "field": field}
        for field, manager in found
    ]
    if len(found) == 1:
        said = f"conflict with {found[0][1]}: {found[0][0]}"
    else:
        by_manager: dict[str, list[str]] = {}
        for field, manager in found:
            by_manager.setdefault(manager, []).append(field)
        said = "\n".join(
            f"conflicts with {manager}:\n" + "\n".join(f"- {field}" for field in fields)
            for manager, fields in by_manager.items()
        )
    return Refusal(409, f"Apply failed with {len(found)} {many}: {said}", "Conflict", {"causes": causes})
