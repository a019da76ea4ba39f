"""What is said of one station to its vendor: counts with how sure they are, beside other stations, and what shows each. Pure.

What always holds: a share comes with its two numbers and its Wilson interval; stations are compared with others, never with a sum that
they are part of; two shares differ only where their intervals lie apart; times are of the window alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from nocwatch.flags import Flag
from nocwatch.kpis.ratios import wilson
from nocwatch.kpis.spans import Span, cut, length_ns, merged
from nocwatch.network import ConnectorStatus, Station
from nocwatch.sessions import Session
from nocwatch.store.tallies import Complaint, Ended, Era, Tally
from nocwatch.store.values import Band

OUTAGES_MAX = 10
"""The longest ones: a page has no room for more, and the count tells of the rest."""
EVIDENCE_MAX = 4
"""Sentences of a flag or a session."""


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """``number`` of ``of``, and between which shares the true one lies at 95 %; the shares are None where nothing was tried."""

    number: int
    of: int
    share: float | None = None
    low: float | None = None
    high: float | None = None


def share(number: int, of: int) -> Share:
    if not of:
        return Share(number=number, of=of)
    low, high = wilson(number, of)
    return Share(number=number, of=of, share=number / of, low=low, high=high)


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who it is. Empty where it is not known."""

    station: str
    name: str = ""
    site: str = ""
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    version: str = ""


class Makeup(msgspec.Struct, frozen=True):
    """By what a station is put beside others."""

    vendor: str
    model: str
    firmware: str


class Cohort(msgspec.Struct, frozen=True, kw_only=True):
    """Other stations with sessions in the window, without this one.

    Attributes:
        differs: ``more`` or ``less``: this station fails more or less often than they do; ``none``: no difference can be shown.
        reasons: of their failures, by reason.
    """

    name: str
    stations: int
    failed: Share
    differs: str
    reasons: dict[str, Share]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """An error code that connectors gave, Faulted or not: how often, and how long it stood within the window."""

    code: str
    number: int
    time_ns: int


class Outages(msgspec.Struct, frozen=True, kw_only=True):
    """Times without a link, within the window.

    Attributes:
        seen: whether anything is known of the station's link in the window.
        longest: (from, until); the last ends with the window where it still lasts.
    """

    seen: bool
    number: int = 0
    time_ns: int = 0
    longest: tuple[Span, ...] = ()


class StationReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything on the page.

    Attributes:
        options: of the command that made it, as they were typed: those that name configuration and data.
    """

    identity: Identity
    from_ns: int
    until_ns: int
    at_ns: int
    eras: tuple[Era, ...]
    outcomes: dict[str, int]
    failed: Share
    reasons: dict[str, Share]
    blames: dict[str, int]
    cohorts: tuple[Cohort, ...]
    faults: tuple[Fault, ...]
    outages: Outages
    links: tuple[Ended, ...]
    complaints: tuple[Complaint, ...]
    flags: tuple[Flag, ...]
    flags_more: bool
    examples: tuple[Session, ...]
    first_frame_ns: int | None
    anonymised: bool = False
    options: str = ""


class Counted(msgspec.Struct, frozen=True):
    """Sessions of some stations: stations, outcomes, reasons of the failed ones."""

    stations: int
    outcomes: Counter[str]
    reasons: Counter[str]

    @property
    def tries(self) -> int:
        """As the success rate has it: what the driver broke off or was refused is no try of the station."""
        return self.outcomes["success"] + self.outcomes["failed"]

    @property
    def failed(self) -> Share:
        return share(self.outcomes["failed"], self.tries)

    def shares(self) -> dict[str, Share]:
        return {reason: share(number, self.tries) for reason, number in self.reasons.most_common()}


def counted(tallies: Iterable[Tally]) -> Counted:
    stations, outcomes, reasons = set(), Counter[str](), Counter[str]()
    for each in tallies:
        stations.add(each.station)
        outcomes[each.outcome] += each.number
        if each.outcome == "failed":
            reasons[each.reason or "UNKNOWN"] += each.number
    return Counted(len(stations), outcomes, reasons)


def cohorts(station: str, makeups: Mapping[str, Makeup], tallies: Sequence[Tally]) -> tuple[Cohort, ...]:
    """Others of the same model and firmware, of the same model, of the same vendor, and all; those that would say nothing are left out."""
    own = makeups.get(station, Makeup("", "", ""))
    mine = counted(each for each in tallies if each.station == station).failed
    nobody = Makeup("", "", "")
    ways = (
        ("same vendor, model and firmware", ("vendor", "model", "firmware")),
        ("same vendor and model", ("vendor", "model")),
        ("same vendor", ("vendor",)),
        ("all stations", ()),
    )
    found = []
    for name, fields in ways:
        if not all(getattr(own, field) for field in fields):
            continue  # what is not known is like nothing
        others = counted(
            each
            for each in tallies
            if each.station != station
            and all(
                getattr(makeups.get(each.station, nobody), field) == getattr(own, field) for field in fields
            )
        )
        found.append(
            Cohort(
                name=name,
                stations=others.stations,
                failed=others.failed,
                differs=_differs(mine, others.failed),
                reasons=others.shares(),
            )
        )
    return tuple(found)


def _differs(mine: Share, others: Share) -> str:
    if mine.low is None or mine.high is None or others.low is None or others.high is None:
        return "none"
    if mine.low > others.high:
        return "more"
    return "less" if mine.high < others.low else "none"


def faults(bands: Iterable[Band], from_ns: int, until_ns: int) -> tuple[Fault, ...]:
    """By error code, the most frequent first."""
    numbers, times = Counter[str](), Counter[str]()
    for band in bands:
        code = "" if band.error_code == "NoError" else band.error_code
        if not code and band.status is not ConnectorStatus.FAULTED:
            continue
        code = code or "Faulted, no code given"
        numbers[code] += 1
        times[code] += length_ns(cut([(band.from_ns, band.until_ns or until_ns)], from_ns, until_ns))
    return tuple(
        Fault(code=code, number=number, time_ns=times[code]) for code, number in numbers.most_common()
    )


def outages(bands: Sequence[Band], from_ns: int, until_ns: int) -> Outages:
    """Every connector of a station goes offline with it: their times are joined, so that an outage counts once."""
    known = [band for band in bands if band.status is not ConnectorStatus.NO_DATA]
    spans = cut(
        merged(
            (band.from_ns, until_ns if band.until_ns is None else band.until_ns)
            for band in known
            if band.status is ConnectorStatus.OFFLINE
        ),
        from_ns,
        until_ns,
    )
    longest = sorted(spans, key=lambda span: span[0] - span[1])[:OUTAGES_MAX]
    return Outages(
        seen=bool(known), number=len(spans), time_ns=length_ns(spans), longest=tuple(sorted(longest))
    )


def makeup(station: Station, vendor: str, model: str) -> Makeup:
    """The registry's word before the boot's."""
    return Makeup(vendor or station.vendor, model or station.model, station.firmware)
