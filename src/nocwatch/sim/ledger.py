"""What the simulated CSMS keeps: its stations, their connectors and transactions. No sockets.

Retries are recognised: the same StartTransaction again gets the same id.
"""

from __future__ import annotations

import random
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from nocwatch.sim.wire import LinkLost, Payload, Peer

NEEDS_MAX = 16
"""Vehicles of one station that wait for a schedule; each waits for a moment."""
STARTS_MAX = 20_000
"""Remembered starts for the recognition of retries; the oldest go: a retry comes within hours."""

_ONLY_16 = frozenset({"StartTransaction", "StopTransaction", "DiagnosticsStatusNotification"})
_ONLY_201 = frozenset({"TransactionEvent", "NotifyEvent", "NotifyReport"})


@dataclass(slots=True)
class CsmsTransaction:
    """``connector`` is the connector's number in 1.6, the EVSE's in 2.0.1.

    Attributes:
        register_wh: the meter as the station told it first and last, in 2.x; None while it has told nothing.
        costs_told: somebody tells the station what it costs.
    """

    id: int | str
    connector: int
    token: str
    by_app: bool = False
    register_wh: tuple[float, float] | None = None
    costs_told: bool = False

    def metered(self, register_wh: float) -> None:
        first_wh = self.register_wh[0] if self.register_wh else register_wh
        self.register_wh = (first_wh, max(first_wh, register_wh))

    def cost(self, per_kwh: float) -> float:
        """Of what has flowed so far, in cents that are whole."""
        first_wh, last_wh = self.register_wh or (0.0, 0.0)
        return round((last_wh - first_wh) / 1000 * per_kwh, 2)


@dataclass(slots=True, eq=False)
class CsmsStation:
    """One identity.

    Attributes:
        version: by subprotocol, corrected by the shape of what is said; empty while unknown.
        needs: EVSE and watts of vehicles that wait for a schedule.
        misnamed: it says 1.6 over a subprotocol of another version, and will again after its next handshake.
        statuses: (evse or 0, connector) → last status.
        transactions: id → those under way.
        shown: connectors at which a card was shown since they were taken: no app is needed there.
        boots: accepted boots.
    """

    identity: str
    version: str = ""
    peer: Peer | None = None
    boots: int = 0
    statuses: dict[tuple[int, int], str] = field(default_factory=dict)
    transactions: dict[int | str, CsmsTransaction] = field(default_factory=dict)
    authorised_at_s: float = float("-inf")
    misnamed: bool = False
    needs: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=NEEDS_MAX))

    @property
    def version_or_16(self) -> str:
        return self.version if self.version in ("1.6", "2.0.1", "2.1") else "1.6"

    def learn_version(self, action: str, payload: Payload) -> None:
        """Shape before subprotocol: 1.6 messages do arrive over ``ocpp2.0.1`` (lbbrhzn#2050)."""
        if action in _ONLY_16 or "chargePointVendor" in payload:
            self.misnamed = self.misnamed or self.version not in ("", "1.6")
            self.version = "1.6"
        elif (action in _ONLY_201 or "chargingStation" in payload) and not self.version.startswith("2"):
            self.version = "2.0.1"

    def taken_by(self, connector: int) -> CsmsTransaction | None:
        return next((tx for tx in self.transactions.values() if tx.connector == connector), None)

    async def call(self, action: str, payload: Payload, *, timeout_s: float | None = None) -> Payload:
        """See ``SimCsms.call``."""
        if self.peer is None:
            raise LinkLost("the station is offline")
        return await self.peer.call(action, payload, timeout_s=timeout_s)


class Ledger:
    """Hands out transaction ids.

    Attributes:
        transaction_id_forced: given to the next start in place of a proper one (a fault).
    """

    def __init__(self, rng: random.Random) -> None:
        self.transaction_id_forced: int | None = None
        self._next = rng.randrange(1_000, 500_000)
        self._starts: OrderedDict[tuple[object, ...], int] = OrderedDict()

    def start(self, station: str, payload: Payload) -> int:
        """Id for a StartTransaction; a retry gets the id that the first one got."""
        key = (station, *(payload.get(name) for name in ("connectorId", "idTag", "meterStart", "timestamp")))
        known = self._starts.get(key)
        if known is not None:
            return known
        if self.transaction_id_forced is not None:
            number = self.transaction_id_forced
        else:
            self._next += 1
            number = self._next
        self._starts[key] = number
        if len(self._starts) > STARTS_MAX:
            self._starts.popitem(last=False)
        return number
