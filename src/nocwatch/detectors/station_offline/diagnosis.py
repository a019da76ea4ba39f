"""Why a whole group has no socket: whose doing that is and what to do, from what the relay itself has seen. Values in, values out.

A CSMS is blamed where the relay fails to reach it, where it turns the stations away, or where it ended their links; and for
nothing else. A relay that was restarted, that turns stations away for its own reasons, or that nobody dials, says so itself:
how the links ended, whether dials fail, and whom it refused since.

What always holds: what the stations were told counts before what strangers were, and a few scanners explain no group.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from nocwatch.detectors import wording
from nocwatch.detectors.station_offline.advice import advise, unreached
from nocwatch.flags import Blame
from nocwatch.refusal_reasons import ANSWER, REASONS, Cause, cause_of

OURS = frozenset({"shutdown", "relay_lost"})
"""How a link is told to have ended when the relay itself ended: in order, or without a word."""

_NAMED = frozenset({"station_denied", "station_not_allowed", "certificate_of_another"})
_NO_SIGN = frozenset({"empty", "station_left", "shutting_down"})
"""Probes, and stations that left: they happen at any time and explain nothing."""


class Situation(NamedTuple):
    """What is known of a group that is gone.

    Attributes:
        kind, name: ``upstream`` or ``site``, and which.
        gone: its stations without a socket.
        down: the relay's last dial of the upstream failed; ``down_reason``: why.
        endings: how the stations' links ended: (by, reason) → how many.
        own: reason → how many of the stations it last turned away.
        refused: reason → connections that the relay turned away since, whoever they were.
        ended_at_ns: when the last link ended.
        started_at_ns: when the relay began, where that was since.
    """

    kind: str
    name: str
    gone: int
    down: bool = False
    down_reason: str = ""
    endings: Mapping[tuple[str, str], int] = {}
    own: Mapping[str, int] = {}
    refused: Mapping[str, int] = {}
    ended_at_ns: int = 0
    started_at_ns: int = 0


class Diagnosis(NamedTuple):
    """What comes of it.

    Attributes:
        cause: a bounded word; while it stays, nothing new is told.
        clause: what the summary says of it, behind its figures; may be empty.
        evidence: sentences.
    """

    cause: str
    blame: Blame
    clause: str
    evidence: tuple[str, ...]
    advice: str


def diagnose(seen: Situation) -> Diagnosis:
    """The likeliest cause."""
    if seen.down:
        return _unreachable(seen)
    if (refusal := _refusal(seen)) is not None:
        return refusal
    by_us = sum(count for (by, reason), count in seen.endings.items() if by == "relay" and reason in OURS)
    if 2 * by_us > seen.gone:
        return _restarted(seen, by_us)
    by_csms = sum(count for (by, _), count in seen.endings.items() if by == "csms")
    if 2 * by_csms > seen.gone:
        return _ended_by_csms(seen, by_csms)
    return _silent(seen)


def _unreachable(seen: Situation) -> Diagnosis:
    by_us = sum(count for (by, reason), count in seen.endings.items() if by == "relay" and reason in OURS)
    why = REASONS[seen.down_reason].text if seen.down_reason in REASONS else ""
    blame, advice = unreached(seen.down_reason)
    evidence = (f"Its last dial failed: {why} ({seen.down_reason}).",) if why else ()
    if by_us and 2 * by_us > seen.gone:
        blame = Blame.UNKNOWN
        advice = f"It has not been reached since nocwatch's relay was restarted: compare relay.upstreams with what it was before. {advice}"
        evidence = (_by_us(seen, by_us), *evidence)
    return Diagnosis(f"unreachable {seen.down_reason}".strip(), blame, "", evidence, advice)


def _refusal(seen: Situation) -> Diagnosis | None:
    """Turned away: the stations themselves where they said who they are, else those who were not let as far as that."""
    if 2 * sum(seen.own.values()) >= seen.gone:
        reason = max(seen.own, key=lambda each: (seen.own[each], each))
        told = f"{wording.count(seen.own[reason], 'station')} of {seen.gone} dialled and got no link: {_told(reason)}."
    else:
        nameless = {reason: count for reason, count in seen.refused.items() if _nameless(reason)}
        if not nameless:
            return None
        reason = max(nameless, key=lambda each: (nameless[each], each))
        count = nameless[reason]
        if count < 2 or 2 * count < seen.gone:
            return None
        told = f"The relay has turned away {wording.count(count, 'connection')} since, before it knew whose: {_told(reason)}."
    evidence = (told,) if seen.kind == "site" else (told, _reached(seen))
    whose, blame, advice = advise(reason)
    clause = "; the CSMS turns them away" if whose is Cause.CSMS else "; the relay turns them away"
    return Diagnosis(f"refused {reason}", blame, f"{clause} ({reason})", evidence, advice)


def _nameless(reason: str) -> bool:
    """Whether those who are refused for it have not said who they are, and it is more than noise."""
    return reason not in _NAMED | _NO_SIGN and cause_of(reason) not in (None, Cause.CSMS, Cause.ROUTES)


def _restarted(seen: Situation, by_us: int) -> Diagnosis:
    again = (
        f"It runs again since {wording.moment(seen.started_at_ns)[11:]}."
        if seen.started_at_ns
        else "Nothing has been heard of it since."
    )
    return Diagnosis(
        "restarted",
        Blame.NOCWATCH,
        "; nocwatch's relay ended their links",
        tuple(each for each in (_by_us(seen, by_us), again, _nobody(seen)) if each),
        "Stations come back by themselves after a restart of nocwatch's relay, mostly within minutes. If they do not: does the relay run, does it "
        "still listen where they dial (relay.listen), and do their name, the balancer and the firewall still lead to it?",
    )


def _ended_by_csms(seen: Situation, by_csms: int) -> Diagnosis:
    return Diagnosis(
        "ended_by_csms",
        Blame.CSMS,
        "; the CSMS ended their links",
        (f"The CSMS ended the links of {by_csms} of {seen.gone} stations.", _nobody(seen)),
        "The CSMS ended the links, and no station has dialled since. Ask the team that runs it what it did at that moment; then the way from the "
        "stations to nocwatch.",
    )


def _silent(seen: Situation) -> Diagnosis:
    if seen.kind == "site":
        advice = "One cause for all: power or uplink of the site. Call the site, then its network provider; no need to look at single stations."
        return Diagnosis("silent", Blame.NETWORK, "", (), advice)
    return Diagnosis(
        "silent",
        Blame.NETWORK,
        "; no station dials",
        (_reached(seen), _nobody(seen)),
        "The way from the stations to nocwatch is gone: no station dials. Check the name that they dial and where it leads, the balancer or firewall "
        "before the relay, this machine's uplink, then the mobile provider. It is not the CSMS as far as the relay can see.",
    )


def _by_us(seen: Situation, by_us: int) -> str:
    how = "at its shutdown" if ("relay", "shutdown") in seen.endings else "without a word: it was killed"
    when = f" at {wording.moment(seen.ended_at_ns)}" if seen.ended_at_ns else ""
    return f"nocwatch's relay ended the links of {by_us} of {seen.gone} stations{when}, {how}."


def _reached(seen: Situation) -> str:
    return f"The relay reports no failed dial of upstream {seen.name}."


def _nobody(seen: Situation) -> str:
    others = sum(seen.refused.values())
    return "" if others else "It has turned nobody away since."


def _told(reason: str) -> str:
    if reason in REASONS:
        return f"{REASONS[reason].text} ({reason})"
    return f"the CSMS answered HTTP {reason.removeprefix(f'{ANSWER}_')}"
