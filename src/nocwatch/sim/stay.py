"""What is known of one driver's stay at a connector while it lasts, and how it is told where no transaction came of it.

The stay is played by ``visit``: begun in ``starting``, charged and ended in ``charging``. Nothing is decided here.
"""

from __future__ import annotations

from typing import Any

from nocwatch.flags import Blame
from nocwatch.sessions import Outcome, Reason, StartSource
from nocwatch.sim.parts import Connector, Transaction
from nocwatch.sim.plan import Plan
from nocwatch.sim.station import SimStation
from nocwatch.sim.truth import Truth

_SOURCES = {
    "free": StartSource.FREE,
    "plug_and_charge": StartSource.PLUG_AND_CHARGE,
    "app": StartSource.REMOTE,
}


class Stay:
    """A stay under way.

    Attributes:
        plan: what driver, car and hardware mean to do; what has happened already is taken out of it.
        tx: the transaction, from its first message on.
        next_sample_s, started_s: on ``pace.now()``.
    """

    def __init__(self, station: SimStation, connector: Connector, plan: Plan) -> None:
        self.station, self.connector, self.plan = station, connector, plan
        self.dialect, self.pace = station.dialect, station.pace
        self.token, self.token_type = plan.token, plan.token_type
        self.source = _SOURCES.get(plan.start, StartSource.RFID)
        self.tx: Transaction | None = None
        self.began_at_ns = station.clock.now_ns()
        self.next_sample_s = 0.0
        self.started_s = 0.0
        self.remote_id: int | None = None

    def status(self, status: str) -> None:
        if self.connector.status != "Faulted":
            self.station.set_status(self.connector, status)

    def attempt(self, outcome: Outcome, reason: Reason, blame: Blame) -> None:
        """Tells that it came to no transaction."""
        known = {
            "token": self.token,
            "start_source": self.source,
            "started_at_ns": self.began_at_ns,
            "cause": self.plan.cause,
        }
        self.station.tell(
            attempt_truth(self.station, self.connector, outcome=outcome, reason=reason, blame=blame, **known)
        )


def attempt_truth(station: SimStation, connector: Connector, **known: Any) -> Truth:
    """The truth of an attempt that came to no transaction."""
    first = station.dialect.version == "1.6"
    return Truth(
        station=station.identity,
        evse=None if first else connector.socket.evse,
        connector=connector.socket.number if first else connector.socket.connector,
        transaction=None,
        stopped_at_ns=station.clock.now_ns(),
        **known,
    )
