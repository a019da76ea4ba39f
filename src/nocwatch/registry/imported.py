"""Records of other systems that name a session or a station: ratings, invoices, receipts, telemetry, odometers, reservations. Pure.

What always holds: a record says where it came from, file and line too; none is joined to a session by a guess.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from nocwatch.moments import MINUTE_NS, SECOND_NS
from nocwatch.registry.fields import Amount, Moment
from nocwatch.sessions import Session

CLOCKS_APART_NS = 5 * MINUTE_NS
"""By so much the clock of another system may be slow; no station is given a number again within it."""


Billed = Annotated[Decimal, Field(ge=-(10**9), le=10**9, decimal_places=9)]
"""Money of another system: what was paid back stands below zero."""


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """One record.

    Attributes:
        kind: ``ratings``, ``invoices``, …: the file's.
        session, station, transaction: what it names, each empty where it does not.
        at_ns: of when it is; None where it does not say.
        source: the system that it comes from, as the record says, else the file.
        file, line: where it was read.
        facts: the rest, checked, as text in the record's own words.
    """

    kind: str
    session: str = ""
    station: str = ""
    transaction: str = ""
    at_ns: int | None = None
    source: str
    file: str
    line: int
    facts: dict[str, str]


class Row(BaseModel):
    """What all kinds share. Columns that nobody knows are kept: other systems export more than is asked for."""

    model_config = ConfigDict(extra="allow", frozen=True, coerce_numbers_to_str=True)
    shared: ClassVar = frozenset({"session", "station", "transaction", "at", "source"})
    needs_at: ClassVar = False

    session: Annotated[str, Field(max_length=255)] = ""
    station: Annotated[str, Field(max_length=255)] = ""
    transaction: Annotated[str, Field(max_length=255)] = ""
    at: Moment | None = None
    source: Annotated[str, Field(max_length=255)] = ""

    @model_validator(mode="after")
    def _named(self) -> Row:
        if not self.session and not self.station:
            raise ValueError("this names neither a session nor a station")
        if self.needs_at and self.at is None:
            raise ValueError("this says not of when it is: 'at' is required")
        return self


class _Rating(Row):
    """A driver's word."""

    stars: Annotated[Decimal, Field(ge=0, le=5)]
    comment: str = ""


class _Invoice(Row):
    """What was charged for; ``cpo_share``: what of it goes to the charge point's operator."""

    number: str
    amount: Billed
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    state: Literal["paid", "settled", "unpaid"]
    cpo_share: Billed | None = None
    billing_type: str = ""


class _Receipt(Row):
    """What was paid; ``amount`` may be negative: a refund."""

    number: str = ""
    amount: Billed
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    cpo_share: Billed | None = None
    billing_type: str = ""


class _Telemetry(Row):
    """What the vehicle said of itself."""

    needs_at: ClassVar = True
    soc_percent: Annotated[Decimal, Field(ge=0, le=100)] | None = None
    energy_wh: Annotated[Decimal, Field(ge=0)] | None = None


class _Odometer(Row):
    """How far the vehicle had come."""

    km: Annotated[Decimal, Field(ge=0)]


class _Reservation(Row):
    """A socket that was kept for somebody; ``at`` is when it begins."""

    needs_at: ClassVar = True
    until: Moment | None = None
    fee: Amount | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None


KINDS: dict[str, type[Row]] = {
    "ratings": _Rating,
    "invoices": _Invoice,
    "receipts": _Receipt,
    "telemetry": _Telemetry,
    "odometer": _Odometer,
    "reservations": _Reservation,
}
"""By how the file's name begins."""


def record(kind: str, row: Row, written: dict[str, Any], file: str, line: int) -> Imported:
    """A checked row as a record."""
    return Imported(
        kind=kind,
        session=row.session,
        station=row.station,
        transaction=row.transaction,
        at_ns=None if row.at is None else round(row.at.timestamp() * 1_000_000) * (SECOND_NS // 1_000_000),
        source=row.source or file,
        file=file,
        line=line,
        facts={name: str(value) for name, value in written.items() if name not in row.shared},
    )


def _is_of(session: Session, record: Imported, starts_ns: Sequence[int]) -> bool:
    """Whether a record of its transaction means this session and not another one that was given the same number.

    A bill is made after its session began, and before the next one of that number did. Where no time is told and there were
    several, nobody can say which is meant. Identities of 2.x are never given again.
    """
    others = [each for each in starts_ns if each != session.started_at_ns]
    if isinstance(session.transaction, str) or not others:
        return True
    if record.at_ns is None:
        return False
    until_ns = record.at_ns + CLOCKS_APART_NS
    return session.started_at_ns <= until_ns and not any(
        session.started_at_ns < each <= until_ns for each in others
    )


class Imports:
    """All records, by what they name. Immutable: a reload makes another one."""

    def __init__(self, records: Iterable[Imported] = ()) -> None:
        self._sessions: dict[str, list[Imported]] = {}
        self._transactions: dict[tuple[str, str], list[Imported]] = {}
        self._stations: dict[str, list[Imported]] = {}
        self._moments: dict[str, list[tuple[int, Imported]]] = {}
        self.count = 0
        for each in records:
            self.count += 1
            self._put(each)
        for moments in self._moments.values():
            moments.sort(key=lambda pair: pair[0])

    def _put(self, each: Imported) -> None:
        if each.station:
            self._stations.setdefault(each.station, []).append(each)
        if each.session:
            self._sessions.setdefault(each.session, []).append(each)
        elif each.transaction:
            self._transactions.setdefault((each.station, each.transaction), []).append(each)
        elif each.at_ns is not None:
            self._moments.setdefault(each.station, []).append((each.at_ns, each))

    def of_number(self, session: Session) -> list[Imported]:
        """Those that name its station and transaction, of whatever time: a number of 1.6 may have been given again."""
        # 0 and -1 are said where there is no number [OCPP 1.6 errata 3.18]: a bill of "0" would be everybody's.
        if session.transaction in (None, 0, -1):
            return []
        return self._transactions.get((session.station, str(session.transaction)), [])

    def of_session(self, session: Session, starts_ns: Sequence[int]) -> tuple[Imported, ...]:
        """Those that name it, or its station and transaction; and those of its station of a moment in it that name neither.

        A record that names a station alone belongs to the station: two sockets may have been in use.

        Args:
            session: the one in question.
            starts_ns: when the sessions of its station with its transaction began, itself among them. Only looked at where
                ``of_number`` finds something.
        """
        named = self._sessions.get(session.id, [])
        of_transaction = [each for each in self.of_number(session) if _is_of(session, each, starts_ns)]
        moments = self._moments.get(session.station, [])
        until_ns = session.stopped_at_ns or session.changed_at_ns
        first = bisect_left(moments, session.started_at_ns, key=lambda pair: pair[0])
        last = bisect_right(moments, until_ns, key=lambda pair: pair[0])
        return (*named, *of_transaction, *(each for _, each in moments[first:last]))

    def of_station(self, station: str, kind: str = "") -> tuple[Imported, ...]:
        """Those that name the station, of one kind or of all."""
        return tuple(each for each in self._stations.get(station, []) if not kind or each.kind == kind)
