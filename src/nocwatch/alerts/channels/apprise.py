"""Everything that apprise speaks to: mail, chat, pagers, web hooks. One receiver can have several addresses.

What always holds: no part of an address is logged, kept or shown. What apprise logs is taken in here and turned into a few
fixed sentences; it goes nowhere else. ``async_notify`` is asyncio's and fails under trio, so ``notify`` runs in a thread.
"""

from __future__ import annotations

import logging
import re
import threading
import warnings
from functools import lru_cache
from typing import Any

import apprise

from nocwatch.alerts.alert import AlertState
from nocwatch.alerts.notification import Delivered, Failed, Notification, Retry, Sent
from nocwatch.flags import Severity

_TYPES = {
    Severity.INFO: apprise.NotifyType.INFO,
    Severity.WARNING: apprise.NotifyType.WARNING,
    Severity.CRITICAL: apprise.NotifyType.FAILURE,
}
_STATUS = re.compile(r"error=(\d{3})\b")
DELIVERED_KEPT_MAX = 1000
"""Addresses that have taken a revision while another has not: so that a retry goes only to the other."""


class _Ears(logging.Handler):
    """Takes in what apprise logs, for the thread that asked; nothing of it leaves this module as it is."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._heard = threading.local()

    def listen(self) -> None:
        self._heard.texts = []

    def texts(self) -> list[str]:
        return list(getattr(self._heard, "texts", []))

    def emit(self, record: logging.LogRecord) -> None:
        heard = getattr(self._heard, "texts", None)
        if heard is not None and len(heard) < 20:
            heard.append(record.getMessage())


_EARS = _Ears()
_LOGGER = logging.getLogger("apprise")
# Without a handler of ours these would go to standard error, addresses and all.
_LOGGER.addHandler(_EARS)
_LOGGER.propagate = False
_LOGGER.setLevel(logging.WARNING)
# Below warnings urllib3 logs paths, and the path of a web hook is its secret.
logging.getLogger("urllib3").setLevel(logging.WARNING)


class AppriseChannel:
    """One receiver's addresses; delivered once each of them has taken it."""

    kind = "apprise"

    def __init__(
        self,
        urls: list[str],
        *,
        tells_resolved: bool = True,
        timeout_s: float = 20.0,
        give_up_after_s: float = 86_400.0,
    ) -> None:
        """Checks the addresses.

        Raises:
            ValueError: an address that apprise does not take, by its number.
        """
        self.tells_resolved = tells_resolved
        self.timeout_s = timeout_s
        self.give_up_after_s = give_up_after_s
        self._urls = urls
        self._taken: dict[tuple[str, int], set[int]] = {}
        for number, url in enumerate(urls, 1):
            if _plugin(url, "") is None:
                raise ValueError(
                    f"address {number} is none that apprise knows; see https://github.com/caronc/apprise/wiki"
                )

    def __repr__(self) -> str:
        return f"AppriseChannel({len(self._urls)} addresses)"

    def send(self, notification: Notification) -> Sent:
        key = notification.alert.id, notification.alert.revision
        taken = self._taken.setdefault(key, set())
        outcomes = [
            self._send_to(url, notification) for number, url in enumerate(self._urls) if number not in taken
        ]
        waiting = [number for number in range(len(self._urls)) if number not in taken]
        taken.update(
            number for number, sent in zip(waiting, outcomes, strict=True) if isinstance(sent, Delivered)
        )
        failures = [sent for sent in outcomes if not isinstance(sent, Delivered)]
        if not failures:
            self._taken.pop(key, None)
            return Delivered()
        while len(self._taken) > DELIVERED_KEPT_MAX:
            del self._taken[next(iter(self._taken))]
        # While one of them may still take it, it is worth another try.
        return next((sent for sent in failures if isinstance(sent, Retry)), failures[0])

    def _send_to(self, url: str, notification: Notification) -> Sent:
        alert = notification.alert
        _EARS.listen()
        try:
            plugin = _plugin(url, alert.id)
            if plugin is None:
                return Failed("The address is none that apprise knows.")
            html = _speaks_html(plugin)
            over = alert.state is AlertState.RESOLVED
            # The plugin itself, and not ``Apprise.notify``: that shares one pool of threads among all, and a few addresses
            # that hang would hold up the rest.
            taken = plugin.notify(
                title=notification.subject,
                body=notification.html if html else notification.text,
                body_format=apprise.NotifyFormat.HTML if html else apprise.NotifyFormat.TEXT,
                notify_type=apprise.NotifyType.SUCCESS if over else _TYPES[alert.severity],
            )
        except Exception as error:  # noqa: BLE001 - a plugin's bug must not end the dispatcher; its text may hold the address
            return Retry(f"apprise failed with {type(error).__name__}.")
        return Delivered() if taken else _why(str(plugin.service_name), _EARS.texts())


def _speaks_html(plugin: Any) -> bool:
    """Whether HTML is what the service shows best, mail above all; what shows several gets text."""
    formats = plugin.notify_format
    return bool((formats[0] if isinstance(formats, tuple) else formats) == apprise.NotifyFormat.HTML)


@lru_cache(maxsize=1)
def _load_plugins() -> None:
    """Has apprise import its plugins (a second, once): some import modules that Python means to remove, and warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        apprise.Apprise.instantiate("json://127.0.0.1", suppress_exceptions=True)


def _plugin(url: str, alert_id: str) -> Any:
    """The address's plugin, so that trigger and resolve of one alert share a key where the service has one."""
    _load_plugins()
    plugin = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    if plugin is None or not alert_id:
        return plugin
    arguments: dict[str, dict[str, Any]] = plugin.template_args
    # Without a key of ours it would be made from the first line of the body, which is another one at the end.
    name = next((each for each in ("dedup", "alias") if each in arguments), None)
    if name is None or getattr(plugin, name, None):
        return plugin
    parsed = type(plugin).parse_url(url)
    if not parsed:
        return plugin
    parsed[name] = alert_id
    if "map" in (arguments.get("action", {}).get("values") or ()):
        parsed.setdefault("action", "map")
    return apprise.Apprise.instantiate(parsed, suppress_exceptions=True) or plugin


def _why(service: str, heard: list[str]) -> Sent:
    """A fixed sentence for what apprise said: it may have said the address."""
    for text in heard:
        if match := _STATUS.search(text):
            status = int(match[1])
            if 400 <= status < 500 and status not in (408, 425, 429):
                return Retry(f"{service} answered {status}: the address or its key is not accepted.")
            return Retry(f"{service} answered {status}.")
        if "onnection" in text or "ommunication" in text or "timed out" in text.lower():
            return Retry(f"{service} could not be reached.")
    return Retry(f"{service} did not take it.")
