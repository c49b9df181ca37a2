"""Messages to people, through apprise. Sending never fails what it tells of: trouble is told back, not raised."""

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from modelyard.errors import ModelyardError
from modelyard.secrets import resolve

Event = Literal["failure", "drift", "promoted"]
EVENTS: tuple[Event, ...] = ("failure", "drift", "promoted")
TIMEOUT = 15.0
_TYPES = {"failure": "failure", "drift": "warning", "promoted": "success"}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a message to one channel. `error` never shows the URL: it holds a secret."""

    channel: str
    sent: bool
    error: str | None = None


def broadcast(
    channels: Mapping[str, Mapping[str, Any]],
    event: Event,
    title: str,
    body: str,
    *,
    settings: Mapping[str, Any] | None = None,
    timeout: float = TIMEOUT,
) -> list[Delivery]:
    """Tell every channel that wants to hear of this event."""
    wanting = [name for name, channel in channels.items() if event in (channel.get("events") or EVENTS)]
    return [send(name, channels[name], event, title, body, settings=settings, timeout=timeout) for name in wanting]


def send(
    name: str,
    channel: Mapping[str, Any],
    event: Event,
    title: str,
    body: str,
    *,
    settings: Mapping[str, Any] | None = None,
    timeout: float = TIMEOUT,
) -> Delivery:
    """Tell one channel, whatever events it wants. Gives up waiting after `timeout` seconds; never raises."""
    urls = channel.get("url") or ()
    try:
        addresses = [resolve(url, settings) for url in ([urls] if isinstance(urls, str) else urls)]
    except ModelyardError as error:
        return Delivery(name, sent=False, error=error.what)
    found: list[Delivery] = []
    thread = threading.Thread(target=lambda: found.append(_deliver(name, addresses, event, title, body)), daemon=True)
    thread.start()
    thread.join(timeout)
    return found[0] if found else Delivery(name, sent=False, error=f"no answer within {timeout:g} s")


def _deliver(name: str, addresses: Sequence[str], event: Event, title: str, body: str) -> Delivery:
    try:
        import apprise
    except ImportError:
        return Delivery(name, sent=False, error="apprise is not installed: pip install 'modelyard[monitor]'")
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it logs parts of URLs
    sender = apprise.Apprise()
    if not all(sender.add(address) for address in addresses):
        return Delivery(name, sent=False, error="its URL is not one that apprise knows")
    try:
        sent = bool(sender.notify(body=body, title=title, notify_type=_TYPES[event]))
    except Exception as error:  # noqa: BLE001 - a plugin's failure of any kind must not reach the run
        return Delivery(name, sent=False, error=type(error).__name__)
    return Delivery(name, sent, None if sent else "the other side did not take it")
