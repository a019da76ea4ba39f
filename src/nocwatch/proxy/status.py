"""The relay's own small HTTP server: /healthz, /readyz, /metrics. For probes and scrapers, not for people.

One request a connection, GET and HEAD only, at most a few connections at once: it must never cost a charger anything.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping

import h11
import msgspec
import structlog
import trio

from nocwatch import delays, ticks
from nocwatch.proxy import sockets
from nocwatch.proxy.counters import MEANINGS

_log = structlog.get_logger(__name__)

REQUEST_S = 5.0
"""For a whole request and its answer."""

CONNECTIONS_MAX = 32
"""At once; beyond, new ones wait in the backlog. A probe and a scraper need two."""

ACCEPT_PAUSE_S = 0.1


class Answers(msgspec.Struct, frozen=True):
    """What the server says.

    Attributes:
        ready: why the relay cannot do its job (empty: it can), and what an operator should know besides.
        counters: the relay's and the journal's, as in a tick.
        workers: of a relay that has several, how each is.
    """

    ready: Callable[[], tuple[list[str], list[str]]]
    counters: Callable[[], Mapping[str, int]]
    workers: Callable[[], list[dict[str, int | bool | None]]] | None = None


async def serve_status(sock: socket.socket, answers: Answers) -> None:
    """Answers until cancelled. Takes the listening socket and closes it."""
    room = trio.Semaphore(CONNECTIONS_MAX)
    try:
        async with trio.open_nursery() as nursery:
            while True:
                await room.acquire()
                await trio.lowlevel.wait_readable(sock)
                try:
                    connection, _ = sock.accept()
                except BlockingIOError:
                    room.release()
                except OSError:
                    room.release()
                    await trio.sleep(
                        ACCEPT_PAUSE_S
                    )  # out of descriptors, most likely: the links need them more
                else:
                    nursery.start_soon(_serve_one, connection, answers, room)
    finally:
        sock.close()


async def _serve_one(connection: socket.socket, answers: Answers, room: trio.Semaphore) -> None:
    try:
        connection.setblocking(False)
        with trio.move_on_after(REQUEST_S):
            await _exchange(connection, answers)
    except (OSError, h11.ProtocolError):
        return  # a prober that left or spoke nonsense
    except Exception:  # noqa: BLE001 - a fault in what is told may cost a probe, never the links
        _log.exception("a fault of the status server")
    finally:
        connection.close()
        room.release()


async def _exchange(connection: socket.socket, answers: Answers) -> None:
    protocol = h11.Connection(h11.SERVER)
    while True:
        event = protocol.next_event()
        if event is h11.NEED_DATA:
            protocol.receive_data(await sockets.receive(connection))
        elif isinstance(event, h11.Request):
            break
        else:
            return
    status, kind, body = _answer(event, answers)
    headers = [("Content-Type", kind), ("Content-Length", str(len(body))), ("Connection", "close")]
    pieces = [
        protocol.send(h11.Response(status_code=status, headers=headers)),
        protocol.send(h11.Data(data=b"" if event.method == b"HEAD" else body)),
        protocol.send(h11.EndOfMessage()),
    ]
    await sockets.farewell(connection, b"".join(piece for piece in pieces if piece))


def _answer(request: h11.Request, answers: Answers) -> tuple[int, str, bytes]:
    path = request.target.split(b"?", 1)[0]
    if request.method not in (b"GET", b"HEAD"):
        return 405, "text/plain", b"GET only\n"
    if path == b"/healthz":
        return 200, "application/json", b'{"alive":true}'
    if path == b"/readyz":
        reasons, remarks = answers.ready()
        body = {"ready": not reasons, "reasons": reasons, "remarks": remarks}
        if answers.workers is not None:
            body["workers"] = answers.workers()
        return 503 if reasons else 200, "application/json", msgspec.json.encode(body)
    if path == b"/metrics":
        return 200, "text/plain; version=0.0.4; charset=utf-8", metrics_text(answers.counters())
    return 404, "text/plain", b"/healthz, /readyz, /metrics\n"


def metrics_text(counters: Mapping[str, int]) -> bytes:
    """The counters in Prometheus's text format; ``refused_*`` and ``upstream_up_*`` become labels of one family."""
    families: dict[str, list[str]] = {}
    kinds: dict[str, str] = {}
    for name, value in sorted(counters.items()):
        if name.startswith(delays.PREFIX):
            continue  # together they are one histogram
        family, labels, kind = _family(name)
        kinds[family] = kind
        families.setdefault(family, []).append(f"{family}{labels} {value}\n")
    text = []
    for family, samples in families.items():
        meaning = MEANINGS.get(family.removeprefix("nocwatch_relay_").removesuffix("_total"), "")
        text += [f"# HELP {family} {meaning}\n", f"# TYPE {family} {kinds[family]}\n", *samples]
    return "".join([*text, *_delay_lines(counters)]).encode()


def _delay_lines(counters: Mapping[str, int]) -> list[str]:
    found = delays.read(counters)
    family = delays.FAMILY.format("relay")
    text = [f"# HELP {family} {delays.MEANING}\n", f"# TYPE {family} histogram\n"] if found else []
    for direction, delay in found.items():
        label = f'direction="{direction}"'
        text += [f'{family}_bucket{{{label},le="{le}"}} {count}\n' for le, count in delay.cumulative()]
        text += [
            f"{family}_sum{{{label}}} {delay.sum_us / 1e6}\n",
            f"{family}_count{{{label}}} {delay.count}\n",
        ]
    return text


_TABLES = (
    ("refused_", "refused", "reason"),
    ("upstream_up_", "upstream_up", "upstream"),
    ("worker_up_", "worker_up", "worker"),
    ("worker_links_open_", "worker_links_open", "worker"),
    ("worker_restarts_", "worker_restarts", "worker"),
    ("worker_draining_", "worker_draining", "worker"),
)
"""Counters of which there is one for each reason, upstream or worker: prefix, family, label."""


def _escaped(label: str) -> str:
    """A listener may be called anything."""
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _family(name: str) -> tuple[str, str, str]:
    """Family, labels and kind of a counter."""
    family, labels = name, ""
    for prefix, table, label in _TABLES:
        if name.startswith(prefix):
            family, labels = table, f'{{{label}="{name.removeprefix(prefix)}"}}'
    if name.startswith("closed_"):
        by, _, reason = name.removeprefix("closed_").partition("_")
        family, labels = "closed", f'{{by="{by}",reason="{reason}"}}'
    if name.startswith("certificate_expires_"):
        of, _, whose = name.removeprefix("certificate_expires_").partition("_")
        family, labels = "certificate_expires_timestamp_seconds", f'{{of="{of}",name="{_escaped(whose)}"}}'
    if ticks.is_gauge(name):
        return f"nocwatch_relay_{family}", labels, "gauge"
    return f"nocwatch_relay_{family}_total", labels, "counter"
