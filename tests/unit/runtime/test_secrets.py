"""Secrets are references until the process that needs them runs."""

from pathlib import Path

import pytest

from modelyard.errors import ModelyardError
from modelyard.secrets import known_values, references, resolve


def test_a_reference_becomes_the_environments_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "p4ss")
    assert resolve("postgresql://me:${secret.PASSWORD}@db") == "postgresql://me:p4ss@db"


def test_a_file_may_hold_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc\n")
    assert resolve("${secret.TOKEN}", {"secrets": {"TOKEN": {"file": str(tmp_path / "token")}}}) == "abc"


def test_a_missing_secret_is_named_and_no_value_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER", "0ther-value")
    with pytest.raises(ModelyardError, match="`PASSWORD` is not set") as caught:
        resolve("${secret.OTHER}:${secret.PASSWORD}")
    assert "0ther-value" not in str(caught.value)


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    settings = {"secrets": {"TOKEN": {"file": str(tmp_path / "absent")}}}
    with pytest.raises(ModelyardError, match="secret `TOKEN` cannot be read"):
        resolve("${secret.TOKEN}", settings)


def test_references_are_found_however_deep() -> None:
    data = {"env": {"A": "${secret.ONE}"}, "urls": ["x${secret.TWO}y", {"z": ("${secret.THREE}",)}], "n": 3, "b": None}
    assert references(data) == {"ONE", "TWO", "THREE"}


def test_known_values_pass_over_what_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONE", "first")
    assert known_values(["${secret.ONE}", "${secret.ABSENT}"]) == ["first"]
