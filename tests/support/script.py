"""A play as a short script, and what must be seen of it: the rows of a table of rules.

    Rule("a stop without a start is still a session", "stop 99 6000", Seen("failed", "UNKNOWN"))

A script's lines (or parts between ``;``) are acts of ``Play``, each a real frame with real JSON. Words are what OCPP calls them:

    +600  +10m  +2h             time passes
    open [subprotocol|-]  close [old] [by=csms] [code=1001] [reason=fin]      sockets; ``-``: no subprotocol
    speak 2.0.1                 the version of all that follows
    boot [Accepted] [reason=]   Preparing 1 [error=] [info=] [vendorErrorCode=]     a status of connector (2.x: EVSE) 1
    card TAG [Accepted|-] [after=28] [type=eMAID]      Authorize; ``-``: never answered
    remote TAG [1] [Accepted|Rejected|-] [id=42]       remote start
    remotestop 17               config ConnectionTimeOut 240
    start 1 TAG 1000 [id=17] [status=Blocked] [-]      StartTransaction; ``-``: never answered
    stop 17 6000 [Local] [token=TAG] [-]               StopTransaction
    Started|Updated|Ended T1 Trigger [evse=1] [state=Charging] [token=TAG] [type=] [wh=] [reason=] [remote=] [seq=] [offline] [status=]
    meter 1 6000 [tx=17] [context=]                    the overall register in Wh
    error [InternalError]       the CSMS answers the last call that nobody answered with a CALLERROR; ``answer {json}`` with a result
    ask Action {json} [-> {json}]      order Action {json} [-> {json}]      a call of the station's, or the CSMS's, with its answer
    say text   hear text        raw text of the station, or the CSMS

``at=`` is the station's time stamp: ``@31`` (second of the play), ``@-60`` (a minute ago), or text as it goes on the wire. In JSON
``"@…"`` means the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.support.play import T0_NS, Play

from nocwatch.frames import Direction
from nocwatch.moments import SECOND_NS
from nocwatch.network import ConnectorStatus
from nocwatch.sessions import Session
from nocwatch.state.changes import SessionChanged
from nocwatch.state.settings import StateSettings

_UNITS = {"m": 60.0, "h": 3600.0, "d": 86_400.0, "s": 1.0}
_STATUSES = {status.value: status for status in ConnectorStatus}
_NO_ANSWER = "-"
_ASKED: Any = ...
"""A field of ``Seen`` that is not looked at."""


@dataclass(frozen=True)
class Seen:
    """What must be seen of one session; a field that is left out is not looked at.

    Attributes:
        wh: energy; ``started``, ``stopped``: seconds of the play.
        milestones: all of them, in their order, as words between blanks.
        steps: names that must stand in the timeline in this order; ``without`` such as must not.
        issues: a part of each of the issues, all of them; ``because`` a part of the blame's evidence.
        revised: a part of why the verdict changed after the end; empty where it never did.
    """

    outcome: str
    reason: Any = _ASKED
    blame: Any = _ASKED
    wh: Any = _ASKED
    source: Any = _ASKED
    confidence: Any = _ASKED
    started: Any = _ASKED
    stopped: Any = _ASKED
    tx: Any = _ASKED
    token: Any = _ASKED
    evse: Any = _ASKED
    connector: Any = _ASKED
    late: Any = _ASKED
    meters: Any = _ASKED
    stop_reason: Any = _ASKED
    suspended: Any = _ASKED
    milestones: Any = _ASKED
    steps: str = ""
    without: str = ""
    issues: tuple[str, ...] | None = None
    because: str = ""
    revised: Any = _ASKED

    def differences(self, session: Session) -> list[str]:
        """One line for each thing that is seen otherwise."""
        facts = {
            "outcome": session.outcome.value,
            "reason": session.reason and session.reason.value,
            "blame": session.blame and session.blame.value,
            "wh": session.energy_wh,
            "source": session.start_source.value,
            "confidence": session.start_confidence,
            "started": _second(session.started_at_ns),
            "stopped": _second(session.stopped_at_ns),
            "tx": session.transaction,
            "token": session.token,
            "evse": session.evse,
            "connector": session.connector,
            "late": session.late,
            "meters": (session.meter_start_wh, session.meter_stop_wh),
            "stop_reason": session.stop_reason,
            "suspended": session.suspended_by,
            "milestones": " ".join(session.milestones),
        }
        found = [
            f"{name} is {is_!r}, not {wanted!r}"
            for name, is_ in facts.items()
            if (wanted := getattr(self, name)) is not _ASKED
            and wanted != is_
            and not (isinstance(wanted, float | int) and is_ == pytest.approx(wanted))
        ]
        names = [step.name for step in session.steps]
        if not _in_order(self.steps.split(), names):
            found.append(f"the timeline is {' '.join(names)}, not {self.steps}")
        found += [f"{name} is in the timeline" for name in self.without.split() if name in names]
        issues = [each.text for each in session.issues]
        if self.issues is not None and not (
            len(issues) == len(self.issues) and all(map(str.__contains__, issues, self.issues))
        ):
            found.append(f"the issues are {issues}, not {self.issues}")
        evidence = " ".join(each.text for each in session.blame_evidence)
        if self.because not in evidence:
            found.append(f"the evidence is {evidence!r}, without {self.because!r}")
        if self.revised is not _ASKED and (
            self.revised not in session.revised_because or bool(self.revised) != bool(session.revised_because)
        ):
            found.append(f"revised because {session.revised_because!r}, not {self.revised!r}")
        return found


@dataclass(frozen=True)
class Rule:
    """A row: the rule in plain words, what is said, and what must be seen of each session, oldest first.

    Attributes:
        places: connectors (EVSEs) that were booted and Available half a minute before; empty: nothing was said before.
        told: flags of the changes in their order, such as ``ended ended+revised``; not looked at where left out.
    """

    words: str
    script: str
    seen: Seen | tuple[Seen, ...]
    version: str = "1.6"
    places: tuple[int, ...] = (1,)
    told: str | None = None
    settings: StateSettings | None = field(default=None, repr=False)

    def play(self) -> Play:
        """The play after its last line."""
        play = Play(version=self.version, settings=self.settings)
        if self.places:
            play.begin(*self.places)
        perform(play, self.script)
        return play

    def check(self) -> None:
        """Plays it and looks."""
        play = self.play()
        wanted = self.seen if isinstance(self.seen, tuple) else (self.seen,)
        sessions = play.sessions
        assert len(sessions) == len(wanted), [(each.outcome.value, each.transaction) for each in sessions]
        for each, session in zip(wanted, sessions, strict=True):
            assert not (found := each.differences(session)), "; ".join(found)
        if self.told is not None:
            assert told(play) == self.told.split()


def told(play: Play) -> list[str]:
    """The flags of each change of a session that has any."""
    flags = [
        "+".join(name for name in ("ended", "reopened", "revised") if getattr(change, name))
        for change in play.told(SessionChanged)
    ]
    return [each for each in flags if each]


def table(*rules: Rule) -> pytest.MarkDecorator:
    """The rows as parameters of one test; the words are its ids."""
    return pytest.mark.parametrize("rule", rules, ids=[rule.words for rule in rules])


def perform(play: Play, script: str) -> None:
    """Plays a script."""
    for line in re.split(r"[;\n]", script):
        if text := line.strip():
            _perform(play, text)


def _perform(play: Play, text: str) -> None:
    word, _, rest = text.partition(" ")
    if word[0] == "+":
        play.wait(_seconds(word[1:]))
    elif word in ("ask", "order", "say", "hear", "answer"):
        _RAW[word](play, rest.strip())
    else:
        words = [each for each in rest.split() if "=" not in each]
        named = dict(each.split("=", 1) for each in rest.split() if "=" in each)
        if "at" in named:
            named["at"] = moment(play, named["at"])
        if word in _STATUSES:
            play.status(int(words[0]), word, **named)
        elif word in ("Started", "Updated", "Ended"):
            _event(play, word, words, named)
        else:
            _ACTS[word](play, words, named)


def moment(play: Play, text: str) -> float | str:
    """Seconds of the play, or text that goes on the wire as it is."""
    if text[:1] != "@":
        return text
    return play.now_s + float(text[1:]) if text[1] in "+-" else float(text[1:])


def _seconds(text: str) -> float:
    return float(text[:-1]) * _UNITS[text[-1]] if text[-1] in _UNITS else float(text)


def _second(at_ns: int | None) -> float | None:
    return None if at_ns is None else (at_ns - T0_NS) / SECOND_NS


def _in_order(wanted: list[str], names: list[str]) -> bool:
    rest = iter(names)
    return all(name in rest for name in wanted)


def _json(play: Play, text: str) -> Any:
    return json.loads(
        re.sub(r'"(@[+-]?[\d.]+)"', lambda found: json.dumps(play.stamp(moment(play, found[1]))), text)
    )


# --- acts ----------------------------------------------------------------------------------------------------------------

Words = list[str]
Named = dict[str, Any]


def _open(play: Play, words: Words, named: Named) -> None:
    play.open(subprotocol="" if not words else None if words[0] == _NO_ANSWER else words[0], **named)


def _close(play: Play, words: Words, named: Named) -> None:
    connections = play.fleet.stations[play.station].connections
    code = int(named.pop("code")) if "code" in named else None
    play.close(connection=connections[0] if "old" in words else None, code=code, **named)


def _speak(play: Play, words: Words, named: Named) -> None:
    play.version = words[0]


def _boot(play: Play, words: Words, named: Named) -> None:
    play.boot(*words, **named)


def _card(play: Play, words: Words, named: Named) -> None:
    status = words[1] if len(words) > 1 else "Accepted"
    more = {"after": float(named["after"])} if "after" in named else {}
    more |= {"token_type": named["type"]} if "type" in named else {}
    play.authorize(words[0], None if status == _NO_ANSWER else status, **more)


def _remote(play: Play, words: Words, named: Named) -> None:
    place = next((int(each) for each in words[1:] if each.isdigit()), None)
    status = next((each for each in words[1:] if not each.isdigit()), "Accepted")
    play.remote_start(
        words[0], place, None if status == _NO_ANSWER else status, remote_id=int(named.get("id", 1))
    )


def _remote_stop(play: Play, words: Words, named: Named) -> None:
    play.remote_stop(int(words[0]) if play.old else words[0], *words[1:])


def _config(play: Play, words: Words, named: Named) -> None:
    play.configuration(words[0], words[1])


def _start(play: Play, words: Words, named: Named) -> None:
    transaction = int(named.pop("id")) if "id" in named else None
    token = "" if words[1] == '""' else words[1]
    answered = _NO_ANSWER not in words
    play.start(int(words[0]), token, _number(words[2]), transaction=transaction, answered=answered, **named)


def _stop(play: Play, words: Words, named: Named) -> None:
    reason = next((each for each in words[2:] if each != _NO_ANSWER), None)
    play.stop(int(words[0]), _number(words[1]), reason, answered=_NO_ANSWER not in words[2:], **named)


def _meter(play: Play, words: Words, named: Named) -> None:
    transaction = named.pop("tx", None)
    if play.old and transaction is not None:
        transaction = int(transaction)
    play.meter(int(words[0]), _number(words[1]), transaction, **named)


def _event(play: Play, kind: str, words: Words, named: Named) -> None:
    known: Named = {
        each: named[each] for each in ("state", "token", "reason", "status", "at", "context") if each in named
    }
    known |= {"token": ""} if known.get("token") == '""' else {}
    known |= {"evse": int(named["evse"])} if "evse" in named else {}
    known |= {"token_type": named["type"]} if "type" in named else {}
    known |= {"register": _number(named["wh"])} if "wh" in named else {}
    known |= {"remote_id": int(named["remote"])} if "remote" in named else {}
    known |= {"number": int(named["seq"])} if "seq" in named else {}
    play.transaction(
        kind, words[0], words[1], offline="offline" in words, answered=_NO_ANSWER not in words, **known
    )


def _error(play: Play, words: Words, named: Named) -> None:
    play.error(play.last_call, *words)


def _number(text: str) -> float:
    value = float(text)
    return int(value) if value == int(value) else value


_ACTS: dict[str, Callable[[Play, Words, Named], None]] = {
    "open": _open, "close": _close, "speak": _speak, "boot": _boot, "card": _card, "remote": _remote, "remotestop": _remote_stop,
    "config": _config, "start": _start, "stop": _stop, "meter": _meter, "error": _error,
}  # fmt: skip


def _ask(play: Play, text: str, by: Direction = Direction.FROM_STATION) -> None:
    action, _, rest = text.partition(" ")
    payload, arrow, answer = rest.partition(" -> ")
    message_id = play.call(action, _json(play, payload), by=by)
    if arrow:
        play.answer(message_id, _json(play, answer), by=by.other)


_RAW: dict[str, Callable[[Play, str], None]] = {
    "ask": _ask,
    "order": lambda play, text: _ask(play, text, Direction.FROM_CSMS),
    "say": lambda play, text: play.text(text),
    "hear": lambda play, text: play.text(text, Direction.FROM_CSMS),
    "answer": lambda play, text: play.answer(play.last_call, _json(play, text)),
}
