"""A station's report without names: what a vendor needs to find a fault, and nothing of who and where. Pure.

What always holds: identities, names of stations, sites and operators, serial numbers, tokens and addresses are gone from every text;
vendor, model, firmware, times, transactions and message names stay, as a vendor finds their own records by them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from nocwatch.flags import Evidence, Flag
from nocwatch.registry.place import Place
from nocwatch.reports.station import Identity, StationReport
from nocwatch.sessions import Session

THE_STATION = "STATION"
LENGTH_MIN = 3
"""A shorter name is a word or a number like any other: to take out each ``1`` would leave no sentence whole, and hide nothing."""
_WORD = re.compile(r"[\w.:@*+-]+")
_TOKEN = re.compile(r"\bh:[0-9a-f]{16}\b")
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b")
_COLONS = re.compile(r"\[?(?<![\w:.])[0-9a-f]*:[0-9a-f:.]*:[0-9a-f]*(?![\w:])\]?", re.IGNORECASE)
"""An IPv6 or a hardware address, or a time of day; ``_colons`` tells."""


class Names:
    """Takes names out of texts.

    Args:
        place: of the station that the report is about.
        serial: its serial number.
        others: identities of all stations, which evidence may speak of.
    """

    def __init__(self, place: Place, serial: str, others: Collection[str]) -> None:
        own = {place.station: THE_STATION, place.name: THE_STATION, serial: "SERIAL"}
        own |= dict.fromkeys((place.site, place.site_name, place.address), "SITE")
        own |= dict.fromkeys((place.operator, place.operator_name, place.team, place.team_name), "OPERATOR")
        own = {name: word for name, word in own.items() if len(name) >= LENGTH_MIN}
        self._own = own
        self._pattern = _any_of(own)
        self._others = {name for name in others if len(name) >= LENGTH_MIN and name not in own}
        self._odd = _any_of(name for name in self._others if not _WORD.fullmatch(name))

    def out_of(self, text: str) -> str:
        if self._pattern:
            text = self._pattern.sub(lambda found: self._own[found[0]], text)
        if self._odd:
            text = self._odd.sub("OTHER STATION", text)
        text = _COLONS.sub(_colons, _ADDRESS.sub("ADDRESS", _TOKEN.sub("TOKEN", text)))
        return _WORD.sub(self._other, text)

    def _other(self, found: re.Match[str]) -> str:
        word = found[0].rstrip(".:")
        return "OTHER STATION" + found[0][len(word) :] if word in self._others else found[0]


def _colons(found: re.Match[str]) -> str:
    text = found[0]
    return "ADDRESS" if "::" in text or text.count(":") >= 5 else text


def _any_of(names: Iterable[str]) -> re.Pattern[str] | None:
    """The longest first, so that ``CP10`` is not taken for ``CP1``."""
    ordered = sorted(names, key=len, reverse=True)
    return re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, ordered)) + r")(?!\w)") if ordered else None


def anonymised(report: StationReport, names: Names) -> StationReport:
    identity = report.identity
    return msgspec.structs.replace(
        report,
        identity=Identity(
            station=THE_STATION,
            vendor=identity.vendor,
            model=identity.model,
            firmware=identity.firmware,
            version=identity.version,
        ),
        links=tuple(msgspec.structs.replace(each, reason=names.out_of(each.reason)) for each in report.links),
        flags=tuple(_flag(each, names) for each in report.flags),
        examples=tuple(_session(each, names) for each in report.examples),
        anonymised=True,
        options="",
    )


def _flag(flag: Flag, names: Names) -> Flag:
    texts: dict[str, Any] = {
        name: names.out_of(getattr(flag, name)) for name in ("summary", "key", "subject", "cleared_because")
    }
    return msgspec.structs.replace(
        flag,
        station=THE_STATION,
        labels={},
        runbook="",
        advice=names.out_of(flag.advice),
        evidence=tuple(_evidence(each, names) for each in flag.evidence),
        **texts,
    )


def _session(session: Session, names: Names) -> Session:
    return msgspec.structs.replace(
        session,
        station=THE_STATION,
        upstream="",
        token=None,
        steps=tuple(msgspec.structs.replace(each, text="", frames=()) for each in session.steps),
        blame_evidence=tuple(_evidence(each, names) for each in session.blame_evidence),
        issues=(),
        revised_because=names.out_of(session.revised_because),
    )


def _evidence(evidence: Evidence, names: Names) -> Evidence:
    return msgspec.structs.replace(evidence, text=names.out_of(evidence.text), stations=())
