"""Records of other systems that name a session or a station: ratings, invoices, receipts, telemetry, odometers, reservations. Pure.

What always holds: a record says where it came from, file and line too; none is joined to a session by a guess.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from nocwatch.moments import SECOND_NS
from nocwatch.registry.fields import Amount, Moment
from nocwatch.sessions import Session


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
    amount: Annotated[Decimal, Field(decimal_places=9)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    state: Literal["paid", "settled", "unpaid"]
    cpo_share: Annotated[Decimal, Field(decimal_places=9)] | None = None
    billing_type: str = ""


class _Receipt(Row):
    """What was paid; ``amount`` may be negative: a refund."""

    number: str = ""
    amount: Annotated[Decimal, Field(decimal_places=9)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    cpo_share: Annotated[Decimal, Field(decimal_places=9)] | None = None
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

    def of_session(self, session: Session) -> tuple[Imported, ...]:
        """Those that name it, or its station and transaction; and those of its station of a moment in it that name neither.

        A record that names a station alone belongs to the station: two sockets may have been in use.
        """
        named = self._sessions.get(session.id, [])
        # 0 and -1 are said where there is no number [OCPP 1.6 errata 3.18]: a bill of "0" would be everybody's.
        transaction = "" if session.transaction in (None, 0, -1) else str(session.transaction)
        of_transaction = self._transactions.get((session.station, transaction), []) if transaction else []
        moments = self._moments.get(session.station, [])
        until_ns = session.stopped_at_ns or session.changed_at_ns
        first = bisect_left(moments, session.started_at_ns, key=lambda pair: pair[0])
        last = bisect_right(moments, until_ns, key=lambda pair: pair[0])
        return (*named, *of_transaction, *(each for _, each in moments[first:last]))

    def of_station(self, station: str, kind: str = "") -> tuple[Imported, ...]:
        """Those that name the station, of one kind or of all."""
        return tuple(each for each in self._stations.get(station, []) if not kind or each.kind == kind)
