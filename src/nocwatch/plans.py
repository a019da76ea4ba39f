"""What was planned for a charge, what it was said to cost, and which reservation led to it: as everyone sees it.

Built by ``state/``, read-only elsewhere. Not here: how OCPP says these things (``ocpp/planning.py``), and which profile wins
(``state/limits.py``). Limits are in ``unit``, W or A of each phase, as the profile had them; money is decimal, never a float.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

CURRENT_A_MIN = 6.0
"""Below this no vehicle may charge with alternating current [IEC 61851-1]: the least that a control pilot can offer."""

POWER_W_MIN = 720.0
"""That current at 120 V, the lowest mains that vehicles charge from."""


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """What held from a moment on.

    Attributes:
        limit: None where nothing limits from there on.
        phases: of a limit in A, None where the profile does not say (which means 3).
        purpose: of the profile that won: ``TxProfile``, ``TxDefaultProfile``, ``ChargePointMaxProfile`` …
        by: ``csms``, or who else limits: ``EMS``, ``SO`` … as the station named it; ``vehicle`` in a plan of its own.
        frame: ref of the message that brought the profile.
    """

    from_ns: int
    limit: float | None = None
    unit: str = ""
    phases: int | None = None
    purpose: str = ""
    stack_level: int | None = None
    by: str = "csms"
    frame: str = ""

    @property
    def nothing(self) -> bool:
        """Whether nobody can charge under it: zero, or less than a vehicle may be offered."""
        return self.limit is not None and self.limit < (CURRENT_A_MIN if self.unit == "A" else POWER_W_MIN)


class ProfileNote(msgspec.Struct, frozen=True, kw_only=True):
    """A charging profile that concerned the charge.

    Attributes:
        at_ns: when it was asked for.
        status: as the station answered; ``no answer``, an error code, or empty while the answer is awaited.
        least, most: of its steps, in ``unit``; None where none of them limits.
        frames: of the call and its answer.
        ended_at_ns: when it was cleared, or another took its place.
    """

    id: int | None = None
    purpose: str = ""
    kind: str = ""
    stack_level: int | None = None
    by: str = "csms"
    at_ns: int
    status: str = ""
    least: float | None = None
    most: float | None = None
    unit: str = ""
    frames: tuple[str, ...] = ()
    ended_at_ns: int | None = None


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What the vehicle asks for (ISO 15118). ``transfer`` is OCPP's word: ``DC``, ``AC_three_phase`` and the like."""

    at_ns: int
    frame: str = ""
    transfer: str = ""
    departure_at_ns: int | None = None
    energy_wh: float | None = None
    power_w_max: float | None = None
    current_a_max: float | None = None
    soc_percent: float | None = None
    soc_percent_full: float | None = None
    capacity_wh: float | None = None


class EndsAt(msgspec.Struct, frozen=True, kw_only=True):
    """Where the transaction is to end by itself (2.1); ``by`` who set it. ``cost`` is in the CSMS's currency."""

    by: str
    frame: str = ""
    cost: float | None = None
    energy_wh: float | None = None
    time_s: float | None = None
    soc_percent: float | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All that was planned for one charge.

    Attributes:
        limits: by time; each holds until the next. Those before now have been, those after are to come.
        vehicle: the same as the vehicle chose it (NotifyEVChargingSchedule).
        profiles: that concerned it, in the order of being asked for.
        priority: whether it charges with priority (2.1); None where nobody spoke of it.
        preconditioning, operation_mode, tariff, evse_sleep: as 2.1 names them; empty or None where not said.
        dropped: profiles and steps that the limits of memory left out.
    """

    limits: tuple[Limit, ...] = ()
    vehicle: tuple[Limit, ...] = ()
    profiles: tuple[ProfileNote, ...] = ()
    needs: Needs | None = None
    ends_at: EndsAt | None = None
    priority: bool | None = None
    preconditioning: str = ""
    operation_mode: str = ""
    tariff: str = ""
    evse_sleep: bool | None = None
    dropped: int = 0


class CostNote(msgspec.Struct, frozen=True, kw_only=True):
    """What the charge was said to cost, so far or in all.

    Attributes:
        by: ``csms``, or ``station`` where that calculates by itself.
        amount: None where it could not be calculated; ``failure`` says why.
        currency: empty where the message named none: then it is the one that the CSMS is configured with.
    """

    at_ns: int
    by: str
    amount: Decimal | None
    currency: str = ""
    final: bool = False
    failure: str = ""
    frame: str = ""


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """What a payment terminal settled: ``status`` Settled, Canceled, Rejected or Failed; ``reference`` of the payment provider."""

    at_ns: int
    status: str
    amount: Decimal | None = None
    reference: str = ""
    frame: str = ""


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of a charge's cost. ``notes`` by time, thinned where there are many; ``dropped`` of them are gone."""

    notes: tuple[CostNote, ...] = ()
    settled: Settlement | None = None
    dropped: int = 0

    @property
    def reported(self) -> CostNote | None:
        """The one that holds: the last final one, else the last."""
        known = [each for each in self.notes if each.amount is not None]
        return next((each for each in reversed(known) if each.final), known[-1] if known else None)


class BookingState(StrEnum):
    """What became of a reservation."""

    ASKED = "asked"
    REFUSED = "refused"
    STANDING = "standing"
    USED = "used"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """Its time passed, and nobody came."""
    MISSED = "missed"
    """Somebody came, and no transaction began (2.x NoTransaction)."""
    REMOVED = "removed"
    """The station gave it up: a fault, or another reservation in its place."""


class Booking(msgspec.Struct, frozen=True, kw_only=True):
    """A reservation.

    Attributes:
        connector: None or 0 where any connector will do; ``connector_type`` names the kind then (2.x).
        token: key-hash of whom it is for.
        made_at_ns: when it was asked for. ``ended_at_ns`` when it stopped standing.
        session: id of the session that it led to.
        frames: that show it, the oldest first.
    """

    id: int
    made_at_ns: int
    state: BookingState = BookingState.ASKED
    evse: int | None = None
    connector: int | None = None
    connector_type: str = ""
    token: str | None = None
    expires_at_ns: int | None = None
    ended_at_ns: int | None = None
    session: str | None = None
    frames: tuple[str, ...] = ()


def limit_at(limits: tuple[Limit, ...], at_ns: int) -> Limit | None:
    """The step that holds at a moment; None before the first one."""
    held: Limit | None = None
    for each in limits:
        if each.from_ns > at_ns:
            break
        held = each
    return held


def nothing_ns(limits: tuple[Limit, ...], from_ns: int, until_ns: int) -> int:
    """How long of that time nobody could have charged."""
    ends = [each.from_ns for each in limits[1:]] + [until_ns]
    return sum(
        max(min(end_ns, until_ns) - max(each.from_ns, from_ns), 0)
        for each, end_ns in zip(limits, ends, strict=False)
        if each.nothing
    )


class Limited(StrEnum):
    """A plan in a word, to search by."""

    NOT = ""
    SOME = "limited"
    NOTHING = "nothing"
    """At some time it allowed nothing."""


def in_a_word(limits: tuple[Limit, ...]) -> Limited:
    """``nothing`` where some step allowed nothing, ``limited`` where one limited at all."""
    if any(each.nothing for each in limits):
        return Limited.NOTHING
    return Limited.SOME if any(each.limit is not None for each in limits) else Limited.NOT
