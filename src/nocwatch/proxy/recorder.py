"""What the relay tells the journal: chunks and link events. And the guard that keeps a recorder from hurting a link.

The room knows the journal only as a ``Recorder``: ``relay/`` puts the journal's writer behind it, tests a list.
"""

from __future__ import annotations

from typing import Protocol

import msgspec
import structlog

from nocwatch.proxy.clients import ShownCertificate
from nocwatch.proxy.counters import Counters

_log = structlog.get_logger(__name__)


class Recorder(Protocol):
    """Where observations go. Both calls are made on the hot path: memory only, never blocking."""

    def add_chunks(self, at_ns: int, keys: list[int], chunks: list[bytes]) -> None:
        """All chunks of one turn of the pump; key = connection << 1 | direction (0 from the station)."""

    def add_link(self, at_ns: int, connection: int, event: bytes) -> None:
        """One link event, JSON; connection 0 for those of an upstream."""

    def add_tick(self, at_ns: int, counters: bytes) -> None:
        """Name → value, JSON; once a second."""


class LinkInfo(msgspec.Struct, kw_only=True):
    """What is known of a connection when it opens or is refused: the fields of a LINK record.

    Attributes:
        authorization: the scheme of the request's Authorization; empty where it has none.
        user: key-hash of the user name in it; the credentials themselves are nowhere.
    """

    station: str = ""
    upstream: str = ""
    remote_address: str = ""
    subprotocol: str | None = None
    extensions: str = ""
    tls: str | None = None
    security_profile: int | None = None
    certificate: ShownCertificate | None = None
    authorization: str = ""
    user: str = ""
    http_status: int | None = None

    def event(self, name: str, *, by: str = "", reason: str = "") -> bytes:
        """This as the JSON of a link event."""
        fields = {"event": name, **msgspec.structs.asdict(self), "by": by, "reason": reason}
        return msgspec.json.encode(fields)


class Guard:
    """A recorder that cannot raise: what the one behind it throws is counted, logged once, and forgotten.

    The bytes have left already; a failing observer costs its observation and nothing else.

    Attributes:
        recorder: the one behind it; set before the first link opens.
    """

    __slots__ = ("_counters", "recorder")

    recorder: Recorder

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def chunks(self, at_ns: int, keys: list[int], chunks: list[bytes]) -> None:
        try:
            self.recorder.add_chunks(at_ns, keys, chunks)
        except Exception as error:  # noqa: BLE001 - whatever it is, no link may feel it
            self._failed(error)

    def link(self, at_ns: int, connection: int, event: bytes) -> None:
        try:
            self.recorder.add_link(at_ns, connection, event)
        except Exception as error:  # noqa: BLE001 - whatever it is, no link may feel it
            self._failed(error)

    def tick(self, at_ns: int, counters: bytes) -> None:
        try:
            self.recorder.add_tick(at_ns, counters)
        except Exception as error:  # noqa: BLE001 - whatever it is, no link may feel it
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        self._counters.recorder_errors += 1
        if self._counters.recorder_errors == 1:
            _log.error("the recorder failed; links go on unobserved", error=repr(error))
