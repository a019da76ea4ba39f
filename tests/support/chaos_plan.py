"""What each connection of the chaos will do, and every byte of it, as a pure function of a seed.

Stations, CSMS and auditor are processes of their own that say nothing to each other: each works out the same plan from the
station's number and its attempt, both of which stand in the request's path. So each knows what must arrive and compares
byte by byte with the stream itself, which says more than an equal hash: where it went wrong, and whose bytes came instead.

Always holds: a stream begins with a frame that names it (station, attempt, direction); behind that come OCPP frames or
plain noise, read from a place of a long pad that depends on all three. So bytes of another link, or of another place of
the same one, never pass for the right ones.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

import msgspec
from tests.support.wire import KEY, frame

PIECE_MAX = 64 << 10
"""Bytes asked of a stream at once."""
PAD = 1 << 20
UP, DOWN = 0, 1
SECURED_EVERY = 4

_NAME = re.compile(rb"/(\d{6})/CP(\d{6})\?")
_HELLO = re.compile(rb"(\d{6})\.(\d{6})\.([01])")

ARRIVALS = {
    "whole": 66, "odd": 8, "slow": 4, "glued": 9, "flawed": 4, "huge": 1, "left_early": 3, "left_waiting": 3, "wordless": 2,
}  # fmt: skip
ANSWERS = {
    "welcome": 78, "glued": 8, "late": 4, "401": 2, "403": 1, "404": 1, "429": 1, "503": 2, "garbage": 1, "half": 1,
    "closes": 1, "resets": 1, "silent": 0.3,
}  # fmt: skip
ENDINGS = {
    "station_fin": 22, "csms_fin": 22, "both_fin": 14, "station_reset": 14, "csms_reset": 14, "station_gone": 12, "abandoned": 1,
}  # fmt: skip
FLAWS = (
    b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nsmuggled!",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
)


class Recipe(msgspec.Struct, frozen=True):
    """All that a run's bytes depend on.

    Attributes:
        seed: printed with every run; the same seed gives the same plans again.
        tempo: factor on all pauses, below 1 for short runs.
    """

    seed: int
    tempo: float = 1.0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One connection, from its first byte to its end.

    Attributes:
        arrival: how the request comes (``ARRIVALS``).
        answer: what the CSMS says to it (``ANSWERS``).
        ending: who ends the link, and how (``ENDINGS``).
        framed: OCPP frames behind the hello; noise otherwise.
        totals: bytes that station and CSMS send when nobody breaks off.
        cut: of these, after how many the one who resets does so.
        burst: bytes sent at once.
        pause_s: between bursts; 0 is a flood.
        staller: which side stops reading for a while; None for neither.
        stall_at: after so many bytes received.
        stall_s: for how long.
        glued: bytes of the stream that come in one piece with the head.
        delay_s: of a slow, late or leaving one.
        variant: which of several flaws.
    """

    station: int
    attempt: int
    arrival: str
    answer: str
    ending: str
    framed: bool
    totals: tuple[int, int]
    cut: int
    burst: int
    pause_s: float
    staller: int | None
    stall_at: int
    stall_s: float
    glued: int
    delay_s: float
    variant: int

    @property
    def welcomed(self) -> bool:
        return self.answer in ("welcome", "glued", "late")

    @property
    def leaves(self) -> bool:
        """The station goes without an answer."""
        return self.arrival in ("left_early", "left_waiting", "wordless")

    @property
    def tls(self) -> str | None:
        """Each fourth station comes through TLS, half of these by its older version."""
        if self.station % SECURED_EVERY:
            return None
        return ("TLSv1.2", "TLSv1.3")[self.station // SECURED_EVERY % 2]

    @property
    def speaks_plain(self) -> bool:
        """It says HTTP where TLS is spoken, and has no answer to expect."""
        return self.tls is not None and self.arrival == "flawed" and self.variant % 2 == 1

    @property
    def leaves_within_tls(self) -> bool:
        """It goes before TLS has come about."""
        return self.tls is not None and self.arrival in ("left_early", "wordless") and bool(self.variant & 2)

    @property
    def begins_tls(self) -> bool:
        return self.tls is not None and not self.speaks_plain and not self.leaves_within_tls

    @property
    def orderly(self) -> bool:
        """Both sides say all they have, and end with a FIN."""
        return self.ending in ("station_fin", "csms_fin", "both_fin")

    @property
    def name(self) -> str:
        return f"CP{self.station:06d}"

    def resets(self, side: int) -> bool:
        return self.ending == ("station_reset", "csms_reset")[side]

    def ends_first(self, side: int) -> bool:
        """This side sends its FIN as soon as it has sent all, without waiting for the other's."""
        return self.ending == "both_fin" or self.ending in (("station_fin", "abandoned"), ("csms_fin",))[side]


def plan_of(recipe: Recipe, station: int, attempt: int) -> Plan:
    chance = random.Random(recipe.seed << 64 | station << 32 | attempt)  # noqa: S311 - seeded on purpose
    flood = chance.random() < 0.03
    burst = chance.randrange(16_000, 64_000) if flood else chance.randrange(60, 1500)
    up, down = (chance.randrange(3, 12) * burst for _ in "ud")
    if flood:
        up, down = chance.choice(((up * 8, down), (up, down * 8), (up * 4, down * 4)))
    stalls = chance.random() < (0.5 if flood else 0.05)
    staller = chance.randrange(2) if stalls else None
    to_staller = down if staller == 0 else up
    ending = _drawn(chance, ENDINGS)
    sent_by_resetter = up if ending == "station_reset" else down
    return Plan(
        station=station,
        attempt=attempt,
        arrival=_drawn(chance, ARRIVALS),
        answer=_drawn(chance, ANSWERS),
        ending=ending,
        framed=chance.random() < 0.7,
        totals=(up + HELLO, down + HELLO),
        cut=HELLO + chance.randrange(sent_by_resetter),
        burst=burst,
        pause_s=0.0 if flood else recipe.tempo * chance.uniform(3, 10),
        staller=staller,
        stall_at=chance.randrange(HELLO, HELLO + max(1, to_staller // 2)),
        stall_s=recipe.tempo * chance.uniform(3, 8),
        glued=min(chance.randrange(HELLO, 2000), up, down),
        delay_s=chance.uniform(0.05, 1.0),
        variant=chance.randrange(1 << 16),
    )


def _drawn(chance: random.Random, weights: dict[str, float]) -> str:
    return chance.choices(tuple(weights), tuple(weights.values()))[0]


# --- the heads ----------------------------------------------------------------------------------------------------------


def request_of(plan: Plan, host: bytes) -> bytes:
    """The head; with the CSMS's own host it is what must reach the CSMS."""
    path = b"/ocpp//%%43haos/%06d/CP%06d?x=%%zz&y=//" % (plan.attempt, plan.station)
    odd = (
        b"X-odd:\t \xe9\xff=;,\r\nuser-AGENT:"
        + b"a" * (plan.variant % 9000)
        + b"\r\nAuthorization: Basic \xfc:\r\n"
    )
    return (
        b"GET " + path + b" HTTP/1.1\r\n"
        b"hOsT:  " + host + b"\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ocpp1.6\r\n"
        + (odd if plan.arrival == "odd" else b"")
        + b"\r\n"
    )  # fmt: skip


def named_in(head: bytes) -> tuple[int, int] | None:
    """Station and attempt, from a request's path."""
    match = _NAME.search(head)
    return (int(match[2]), int(match[1])) if match else None


def answer_of(plan: Plan) -> bytes:
    """All of the CSMS's answer: a refusal's body too, a welcome's head only."""
    named = b"X-Chaos: %d.%d\r\n" % (plan.station, plan.attempt)
    body = b"no room for CP%06d" % plan.station
    length = b"Content-Length: %d\r\n\r\n" % len(body) + body
    return {
        "401": b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="chaos"\r\n' + named + length,
        "403": b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n" + named + b"\r\n3;x=y\r\nno!\r\n0\r\nT: 1\r\n\r\n",
        "404": b"HTTP/1.0 404 Not Found\r\n" + named + b"\r\n" + body,
        "429": b"HTTP/1.1 429 Slow Down\r\nRetry-After: 1\r\n" + named + length,
        "503": b"HTTP/1.1 503 Busy\r\nretry-after: 120\r\n" + named + length,
        "garbage": b"SSH-2.0-OpenSSH_9.2\r\n",
        "half": b"HTTP/1.1 101 Switching Pro",
        "closes": b"",
        "resets": b"",
        "silent": b"",
    }.get(
        plan.answer,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: ocpp1.6\r\n" + named + b"\r\n",
    )  # fmt: skip


def status_due(plan: Plan) -> int:
    """What the station must read when the CSMS is well. Nothing is due to one that leaves."""
    if plan.arrival in ("flawed", "huge"):
        return 400 if plan.arrival == "flawed" else 431
    if plan.welcomed:
        return 101
    return {"garbage": 502, "half": 502, "closes": 502, "resets": 502, "silent": 504}.get(plan.answer) or int(
        plan.answer
    )


# --- the streams --------------------------------------------------------------------------------------------------------


HELLO = 54
"""Length of the frame that names a stream."""
_MASK = {UP: 4, DOWN: 0}


def _hello(station: int, attempt: int, direction: int) -> bytes:
    text = b"%06d.%06d.%d" % (station, attempt, direction)
    text = b'[2,"' + text + b'","Heartbeat",{}]' if direction == UP else b'[3,"' + text + b'",{}]'
    return frame(text.ljust(HELLO - 2 - _MASK[direction]), masked=direction == UP)


def read_hello(data: bytes, direction: int) -> tuple[int, int] | None:
    """Station and attempt that a stream begins with; None where it is another direction's, or none."""
    text = data[2 + _MASK[direction] : HELLO]
    if direction == UP:
        text = bytes(byte ^ KEY[index % 4] for index, byte in enumerate(text))
    match = _HELLO.search(text)
    return (int(match[1]), int(match[2])) if match and int(match[3]) == direction else None


class Stream:
    """One direction of one connection.

    Attributes:
        total: bytes of it.
    """

    __slots__ = ("_hello", "_offset", "_pad", "_size", "total")

    def __init__(self, plan: Plan, direction: int, pad: bytes, size: int, offset: int) -> None:
        self._hello = _hello(plan.station, plan.attempt, direction)
        self._pad, self._size, self._offset = pad, size, offset
        self.total = plan.totals[direction]

    def piece(self, at: int, size: int) -> bytes:
        """The bytes from ``at``, at most ``PIECE_MAX``. Goes on beyond ``total``: what follows there is of no one."""
        size = min(size, PIECE_MAX)
        if at < HELLO:
            return (self._hello + self._pad[self._offset : self._offset + size])[at : at + size]
        start = (at - HELLO + self._offset) % self._size
        return self._pad[start : start + size]

    def find(self, data: bytes) -> int | None:
        """Where in the stream these bytes stand (modulo the pad): for who lost his place."""
        if (place := self.piece(0, HELLO + len(data)).find(data)) >= 0:
            return place
        place = self._pad.find(data)
        return None if place < 0 else (place - self._offset) % self._size + HELLO


class Streams:
    """The pads of a run."""

    def __init__(self, recipe: Recipe) -> None:
        chance = random.Random(recipe.seed)  # noqa: S311 - seeded on purpose
        self._recipe = recipe
        self._pads: dict[tuple[bool, int], tuple[bytes, Sequence[int]]] = {}
        for direction in (UP, DOWN):
            self._pads[False, direction] = chance.randbytes(PAD), range(PAD)
            pad, starts = bytearray(), []
            while len(pad) < PAD:
                starts.append(len(pad))
                pad += _ocpp_frame(chance, len(starts), direction)
            self._pads[True, direction] = bytes(pad), starts
        # Doubled at the seam, so that any piece is one slice.
        self._doubled = {each: pad + pad[:PIECE_MAX] for each, (pad, _) in self._pads.items()}

    def of(self, plan: Plan, direction: int) -> Stream:
        which = plan.framed, direction
        pad, starts = self._pads[which]
        name = f"{self._recipe.seed} {plan.station} {plan.attempt} {direction}"
        chance = random.Random(name)  # noqa: S311 - seeded on purpose
        return Stream(plan, direction, self._doubled[which], len(pad), chance.choice(starts))


def _ocpp_frame(chance: random.Random, number: int, direction: int) -> bytes:
    # No runs of one letter: a stretch of a stream must be found again by its bytes.
    name = b"%d-%d" % (number, chance.randrange(1 << 40))
    data = chance.randbytes(chance.randrange(400)).hex().encode()
    if direction == DOWN:
        return frame(b'[3,"' + name + b'",{"status":"Accepted","data":"' + data + b'"}]', masked=False)
    if chance.random() < 0.5:
        return frame(b'[2,"' + name + b'","Heartbeat",{}]')
    return frame(b'[2,"' + name + b'","DataTransfer",{"vendorId":"chaos","data":"' + data + b'"}]')
