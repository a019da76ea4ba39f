"""What a simulated station is made of while it runs: connectors, transactions and the messages that must not be lost."""

# Tokens here are charging cards.

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from nocwatch.sessions import Reason, StartSource
from nocwatch.sim.hardware import Socket
from nocwatch.sim.pace import Pace
from nocwatch.sim.physics import Meter, Reading
from nocwatch.sim.wire import Payload

TRANSACTION_ID_LOST = -1
"""What a station puts into Stop when it never learnt its id [OCPP 1.6 errata v4, 3.18]."""


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Something that ends or disturbs a visit from outside.

    Attributes:
        kind: ``remote_stop``, ``denied``, ``fault``, ``reset``, ``ordered_reset``, ``unlock``, ``socket_lost``.
        detail: error code of a fault, stop reason of a reset.
    """

    kind: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RemoteStart:
    """The CSMS asks for a start. ``remote_id`` is 2.0.1's remoteStartId."""

    token: str
    token_type: str = "ISO14443"
    remote_id: int | None = None
    at_ns: int = 0


@dataclass(frozen=True, slots=True)
class Booking:
    """The CSMS keeps a connector for a driver. ``number`` is the reservation's."""

    number: int
    token: str


class Connector:
    """A socket with its state. ``status`` in 1.6's words, whatever the version.

    Attributes:
        busy: held by whoever plays something on it: an ordinary visit, a fault.
        remote_start: the request that waits for a cable.
        ignore_remote_start: accept and do nothing (a fault).
        plugged: a vehicle is connected.
        booking: for whom it is kept; it counts while the status is Reserved.
        default_limit_w: what a transaction may draw at most, as the CSMS has set it; None for no limit.
    """

    def __init__(self, socket: Socket, meter: Meter) -> None:
        self.socket = socket
        self.meter = meter
        self.status = "Available"
        self.error_code = "NoError"
        self.error_info = ""
        self.vendor_error = ""
        self.announced = ""
        self.operative = True
        self.transaction: Transaction | None = None
        self.remote_start: RemoteStart | None = None
        self.ignore_remote_start = False
        self.plugged = False
        self.booking: Booking | None = None
        self.default_limit_w: float | None = None
        self.waiting_for_cable = False
        self.busy = trio.Lock()
        self._interrupts: list[Interrupt] = []
        self._wake = trio.Event()

    def wake(self) -> None:
        """Something changed that whoever waits at this connector may want to know."""
        self._wake.set()
        self._wake = trio.Event()

    def interrupt(self, interrupt: Interrupt) -> None:
        self._interrupts.append(interrupt)
        self.wake()

    def forget_interrupts(self) -> None:
        self._interrupts.clear()

    async def pause(self, pace: Pace, seconds: float) -> Interrupt | None:
        """Waits that long, or until an interrupt or a wake; returns the oldest interrupt."""
        if not self._interrupts:
            with trio.move_on_after(pace.real(max(0.0, seconds))):
                await self._wake.wait()
        return self._interrupts.pop(0) if self._interrupts else None


@dataclass(slots=True)
class Transaction:
    """One transaction as the station keeps it.

    Attributes:
        start: what the meter showed at its start; ``real_start_wh`` what had really flowed through it by then.
        shown_wh: the same at the last reading that was told. ``hidden_wh``: see ``Truth``.
        before_samples_wh: what of that flowed before the first sample, and was not hidden anyway; None before there is one.
        offset_wh: of the meter at the start.
        needs_wh: what the vehicle said that it needs; ``priority``: whether the CSMS let it go first.
        last: the last reading that was told; ``anew``: since then the register began anew.
    """

    def __post_init__(self) -> None:
        self.shown_wh = self.real_start_wh
        self.last = self.start
        self.offset_wh = self.connector.meter.offset_wh

    connector: Connector
    token: str
    token_type: str
    source: StartSource
    started_at_ns: int
    start: Reading
    real_start_wh: float
    shown_wh: float = 0.0
    before_samples_wh: float | None = None
    last: Reading = field(init=False)
    offset_wh: float = field(init=False)
    anew: bool = False
    hidden_wh: float = 0.0
    id: int | str | None = None
    remote_id: int | None = None
    reservation: int | None = None
    sequence: int = 0
    authorised: bool = True
    refused: bool = False
    denied: Reason | None = None
    ordered: bool = False
    offline_from_start: bool = False
    late: bool = False
    error_code: str = "NoError"
    charging_state: str = ""
    told_evse: bool = False
    needs_wh: float | None = None
    priority: bool | None = None
    told_token: bool = False
    ended: bool = False
    last_id: list[str] = field(default_factory=list)

    @property
    def id_16(self) -> int:
        return self.id if isinstance(self.id, int) else TRANSACTION_ID_LOST


@dataclass(slots=True, eq=False)
class Message:
    """A call in the station's queue.

    Attributes:
        build: makes the payload when it is sent, because a Stop needs the id that its Start's answer brought.
        durable: kept over lost links and reboots (transactions); others are dropped when the link is lost.
        attempts_max: tries while the CSMS answers with errors or not at all; None for ever.
        answered: called with the result, or with None when it was given up.
    """

    action: str
    build: Callable[[], Payload]
    durable: bool = True
    attempts_max: int | None = 3
    answered: Callable[[Payload | None], None] | None = None
    attempts: int = 0


def fixed(payload: Payload) -> Callable[[], Payload]:
    """For ``Message.build`` where the payload is known already."""
    return lambda: payload
