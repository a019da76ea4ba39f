"""What is known of one driver's stay at a connector while it lasts, and how it is told where no transaction came of it.

The stay is played by ``visit``: begun in ``starting``, charged and ended in ``charging``. Nothing is decided here.
"""

from __future__ import annotations

from nocwatch.flags import Blame
from nocwatch.sessions import Outcome, Reason, StartSource
from nocwatch.sim import wishes
from nocwatch.sim.parts import Connector, Transaction
from nocwatch.sim.plan import Plan
from nocwatch.sim.station import SimStation

PATIENCE_S = 10.0
"""An answer to a card that takes longer comes too late."""
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
        asked_at_ns: when the driver asked for energy, last; 0 where nobody did.
        authorised: the word on the token (``station.authorize``), and how long after the question it came.
        entered: the phase, and who keeps the energy back in it.
    """

    def __init__(self, station: SimStation, connector: Connector, plan: Plan) -> None:
        self.station, self.connector, self.plan = station, connector, plan
        self.dialect, self.pace = station.dialect, station.pace
        self.token, self.token_type = plan.token, plan.token_type
        self.source = _SOURCES.get(plan.start, StartSource.RFID)
        if wishes.has_terminal(station) and self.token_type == "ISO14443":
            self.token_type, self.source = "DirectPayment", StartSource.TERMINAL
        self.tx: Transaction | None = None
        self.began_at_ns = station.clock.now_ns()
        self.asked_at_ns = 0
        self.next_sample_s = 0.0
        self.started_s = 0.0
        self.remote_id: int | None = None
        self.authorised = ""
        self.authorised_after_s = 0.0
        self.entered: tuple[str, Blame | None] | None = None
        self._withholder: Blame | None = None
        self._withheld_s: dict[Blame, float] = {}
        self._withheld_since_s = 0.0

    def status(self, status: str) -> None:
        if self.connector.status != "Faulted":
            self.station.set_status(self.connector, status)

    def attempt(self, outcome: Outcome, reason: Reason, blame: Blame) -> None:
        """Tells that it came to no transaction."""
        self.station.tell_attempt(
            self.connector,
            outcome=outcome,
            reason=reason,
            blame=blame,
            token=self.token,
            start_source=self.source,
            started_at_ns=self.began_at_ns,
            cause=self.plan.cause,
        )

    def withholds(self, who: Blame | None) -> None:
        """From now on this one keeps the energy back; None where it flows."""
        now_s = self.pace.now()
        if self._withholder is not None:
            self._withheld_s[self._withholder] = (
                self._withheld_s.get(self._withholder, 0.0) + now_s - self._withheld_since_s
            )
        self._withholder, self._withheld_since_s = who, now_s

    @property
    def withheld_by(self) -> Blame | None:
        """Who kept it back for more than half of the transaction."""
        self.withholds(self._withholder)
        half_s = (self.pace.now() - self.started_s) / 2
        return next((who for who, seconds in self._withheld_s.items() if seconds > half_s), None)
