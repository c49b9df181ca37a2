"""A store that only the cluster sees, as a plan made outside takes it: what the state says is there, is there."""

from typing import Any, NoReturn

from modelyard.errors import ModelyardError
from modelyard.task import TaskResult


class UnseenStore:
    """In place of `modelyard.store.Store`, for who only plans; what has to read a file is refused."""

    def has(self, digest: str) -> bool:
        return True

    def get_result(self, fingerprint: str) -> TaskResult | None:
        """The run itself looks again, where the store is."""
        return None

    def __getattr__(self, name: str) -> Any:
        def refuse(*_arguments: object, **_named: object) -> NoReturn:
            raise ModelyardError(
                "what tasks made is on a volume of the cluster, which is not seen from here", code="store-unseen",
                fix="set `store.remote` to a place that the cluster and this machine reach (s3://…)",
            )  # fmt: skip

        return refuse
