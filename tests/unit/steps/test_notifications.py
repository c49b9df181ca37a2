"""Messages through apprise, to a server on this machine."""

import time
from typing import Any

import pytest

from modelyard.notifications import broadcast, send


def test_a_message_arrives_with_its_title(inbox: Any) -> None:
    assert send("ops", {"url": [inbox.url]}, "drift", "Drift", "carrier drifted").sent
    assert (inbox.received[0]["title"], inbox.received[0]["message"], inbox.received[0]["type"]) == (
        "Drift",
        "carrier drifted",
        "warning",
    )


def test_a_secret_is_taken_from_the_environment(inbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPS_URL", inbox.url)
    assert send("ops", {"url": "${secret.OPS_URL}"}, "failure", "t", "b").sent


def test_a_secret_that_is_not_set_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPS_URL", raising=False)
    delivery = send("ops", {"url": ["${secret.OPS_URL}"]}, "failure", "t", "b")
    assert (delivery.sent, delivery.error) == (False, "secret `OPS_URL` is not set")


def test_only_channels_that_want_the_event_are_told(inbox: Any) -> None:
    channels = {
        "ops": {"url": [inbox.url], "events": ["failure"]},
        "all": {"url": [inbox.url]},
        "sales": {"url": [inbox.url], "events": ["promoted"]},
    }
    assert [delivery.channel for delivery in broadcast(channels, "failure", "t", "b")] == ["ops", "all"]
    assert len(inbox.received) == 2


def test_a_refusal_an_unknown_scheme_and_silence_are_told_without_the_url(inbox: Any) -> None:
    inbox.answer = 500
    assert send("ops", {"url": [inbox.url]}, "drift", "t", "b").error == "the other side did not take it"
    assert (
        send("ops", {"url": ["nosuchscheme://token"]}, "drift", "t", "b").error
        == "its URL is not one that apprise knows"
    )
    assert send("ops", {"url": []}, "drift", "t", "b").sent is False
    inbox.delay = 30.0
    began = time.monotonic()
    assert send("ops", {"url": [inbox.url]}, "drift", "t", "b", timeout=0.2).error == "no answer within 0.2 s"
    assert time.monotonic() - began < 20
