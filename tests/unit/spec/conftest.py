"""A project on disk in one line: `spec("version: 1 …")` loads it, `mistakes("…")` gives what is wrong with it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from modelyard.errors import ErrorGroup, ModelyardError
from modelyard.spec import LoadedSpec, load_spec

HEAD = "version: 1\nproject: p\n"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write_file(text: str | bytes, name: str = "mlops.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write_file


@pytest.fixture
def spec(write: Callable[..., Path]) -> Callable[..., LoadedSpec]:
    def load(text: str, **options: object) -> LoadedSpec:
        options.setdefault("environ", {})
        return load_spec(write(HEAD + text), **options)  # type: ignore[arg-type]

    return load


@pytest.fixture
def mistakes(write: Callable[..., Path]) -> Callable[..., list[ModelyardError]]:
    def load(text: str | bytes, **options: object) -> list[ModelyardError]:
        options.setdefault("environ", {})
        with pytest.raises(ErrorGroup) as caught:
            load_spec(write(text), **options)  # type: ignore[arg-type]
        return list(caught.value.errors)

    return load
