"""One connection's talk: frames in, events out. Pairs each answer with its call and knows who has not answered.

An answer is paired by (connection, who called, message id). What always holds: ``feed`` never raises; each TEXT frame that
is OCPP gives one ``Spoke``, each oddity a ``Misspoke``, and the talk is followed after either; an answer's events are given
once, also when it comes late or twice; what is kept is bounded, and all of it is in the snapshot.
"""

from __future__ import annotations

from typing import Any

import msgspec

from nocwatch.frames import Direction, Frame, Kind
from nocwatch.moments import SECOND_NS
from nocwatch.ocpp import envelope, telling, versions
from nocwatch.ocpp.calls import TEXT_MAX, Call, kept_of, read_payload
from nocwatch.ocpp.envelope import Envelope, NoEnvelope
from nocwatch.ocpp.events import CallUnanswered, Misspoke, OcppEvent, Oddity, Spoke
from nocwatch.ocpp.fields import Hearing
from nocwatch.ocpp.habits import Habits

PATIENCE_NS = 30 * SECOND_NS
"""How long an answer may take before its call counts as unanswered: what most stations allow [16 has no number]."""
PENDING_MAX = 32
"""Calls under way in one direction. OCPP allows one; stations that flush a queue at once have been seen with a dozen."""
PAST_MAX = 8
"""Calls remembered after their end, to tell late, duplicate and reused from unknown."""


class Conversation(msgspec.Struct):
    """One connection's.

    Attributes:
        heard: sequence of the last frame that was read; by it ``state`` knows one that is read again.
        usual: name of the table that the connection goes by.
        settled: the version was negotiated, or somebody showed it.
        waiting, past: calls by message id, the oldest first; index is who called.
    """

    station: str
    connection: int
    subprotocol: str | None = None
    patience_ns: int = PATIENCE_NS
    heard: int = -1
    usual: str = ""
    settled: bool = False
    waiting: tuple[dict[str, Call], dict[str, Call]] = msgspec.field(default_factory=lambda: ({}, {}))
    past: tuple[dict[str, Call], dict[str, Call]] = msgspec.field(default_factory=lambda: ({}, {}))

    def __post_init__(self) -> None:
        if not self.usual:
            table = versions.negotiated(self.subprotocol)
            self.usual = table.name if table else "1.6"
            self.settled = table is not None

    @property
    def version(self) -> str:
        """``1.6``, ``2.0.1``, ``2.1``; empty as long as nobody has shown it."""
        return self.usual if self.settled else ""

    @property
    def waits(self) -> bool:
        """Whether a call is unanswered."""
        return bool(self.waiting[0] or self.waiting[1])

    @property
    def next_expiry_ns(self) -> int | None:
        """When patience with the oldest unanswered call ends."""
        times = [next(iter(calls.values())).at_ns for calls in self.waiting if calls]
        return min(times) + self.patience_ns if times else None

    def feed(self, frame: Frame, habits: Habits | None = None) -> list[OcppEvent]:
        """What this frame says. Control frames say nothing here.

        Args:
            frame: of this connection.
            habits: what is known of the station across its connections; without, nothing is learnt and nothing checked.
        """
        if frame.kind is Kind.TEXT:
            stamp = self._stamp(frame.received_at_ns, frame.ref)
            return self._heard(frame.payload, frame.direction, stamp, habits)
        if frame.kind is Kind.BINARY:
            stamp = self._stamp(frame.received_at_ns, frame.ref)
            odd: list[OcppEvent] = [Misspoke(direction=frame.direction, oddity=Oddity.BINARY, **stamp)]
            # Some stations send their JSON in binary frames; both peers then understand it, and so do we.
            if frame.payload[:1] == b"[":
                odd += self._heard(frame.payload, frame.direction, stamp, habits)
            return odd
        if frame.kind is Kind.GARBLED:
            stamp = self._stamp(frame.received_at_ns, frame.ref)
            return [Misspoke(direction=frame.direction, oddity=Oddity.GARBLED, text=frame.reason, **stamp)]
        return []

    def expire(self, now_ns: int) -> list[OcppEvent]:
        """Patience has ended with these. Their answers are paired all the same, should they come."""
        ended: list[CallUnanswered] = []
        for direction, calls in zip(Direction, self.waiting, strict=True):
            while calls:
                message_id, call = next(iter(calls.items()))
                if call.at_ns + self.patience_ns > now_ns:
                    break
                del calls[message_id]
                self._remember(direction, message_id, call)
                ended.append(
                    telling.unanswered(
                        direction, call, self._stamp(call.at_ns + self.patience_ns, call.frame)
                    )
                )
        return [*sorted(ended, key=lambda event: event.at_ns)]

    def closed(self, at_ns: int) -> list[OcppEvent]:
        """The link is gone, and with it the answers that were still to come."""
        lost: list[OcppEvent] = [
            telling.unanswered(direction, call, self._stamp(at_ns, call.frame), link_lost=True)
            for direction, calls in zip(Direction, self.waiting, strict=True)
            for call in calls.values()
        ]
        for calls in self.waiting:
            calls.clear()
        return lost

    def snapshot(self) -> bytes:
        return msgspec.msgpack.encode(self)

    @classmethod
    def restore(cls, snapshot: bytes) -> Conversation:
        """The conversation of that moment.

        Raises:
            msgspec.ValidationError: where it is of another form.
        """
        return msgspec.msgpack.decode(snapshot, type=cls)

    # --- reading -------------------------------------------------------------------------------------------------------

    def _heard(
        self, text: bytes, direction: Direction, stamp: dict[str, Any], habits: Habits | None
    ) -> list[OcppEvent]:
        message = envelope.parse(text)
        if isinstance(message, NoEnvelope):
            return [Misspoke(direction=direction, oddity=message.oddity, text=message.text, **stamp)]
        if message.type in {envelope.CALL, envelope.SEND}:
            out = self._call(message, direction, stamp, habits, len(text))
        elif message.type == envelope.RESULT_ERROR:
            out = self._objection(message, direction, stamp)
        else:
            out = self._answer(message, direction, stamp, habits, len(text))
        if message.faults:
            text_ = "; ".join(message.faults)[:TEXT_MAX]
            out.append(Misspoke(direction=direction, oddity=Oddity.BAD_PAYLOAD, text=text_, **stamp))
        return out

    def _call(
        self,
        message: Envelope,
        direction: Direction,
        stamp: dict[str, Any],
        habits: Habits | None,
        size: int,
    ) -> list[OcppEvent]:
        action = versions.base_name(message.action)
        usual = versions.TABLES[self.usual]
        checked = (
            habits is not None
            and action is message.action
            and action in usual.actions
            and habits.conformance.due(action, size, stamp["at_ns"])
        )
        payload, fault = read_payload(
            message.payload,
            read=checked or action in usual.calls or action in usual.answers or action not in usual.actions,
        )
        table = versions.of_call(usual, action, payload)
        if not self.settled and versions.speaks_for_itself(table, action, payload):
            self.usual, self.settled = table.name, True
        elif table is versions.NEWEST and self.usual == "2.0.1" and not versions.negotiated(self.subprotocol):
            self.usual = table.name  # taken for 2.0.1 until now: most of 2.1 is the same
        known = action in table.actions
        out: list[OcppEvent] = [
            Spoke(
                version=table.name,
                direction=direction,
                type=message.type,
                message_id=message.id,
                action=message.action,
                known=known,
                **stamp,
            )
        ]
        if fault:
            out.append(Misspoke(direction=direction, oddity=Oddity.BAD_PAYLOAD, text=fault, **stamp))
        if not known:
            text = message.action[:TEXT_MAX]
            out.append(Misspoke(direction=direction, oddity=Oddity.UNKNOWN_ACTION, text=text, **stamp))
        reader = table.calls.get(action)
        answers = action in table.answers
        if (reader or answers) and (direction is Direction.FROM_CSMS) != (action in table.csms_actions):
            text = f"{action} is the other side's to call"
            out.append(Misspoke(direction=direction, oddity=Oddity.NOT_OCPP, text=text, **stamp))
            reader, answers = None, False
        if message.type == envelope.CALL:
            call = Call(
                action,
                stamp["at_ns"],
                stamp["frame"],
                table.name,
                kept_of(payload) if answers and payload else b"",
            )
            self._await(message.id, call, direction, stamp, habits, out)
        if reader is not None:
            ours = habits if direction is Direction.FROM_STATION else None
            hearing = Hearing(stamp, message.id, table.name, clock=ours.clock if ours else None)
            meant = reader(hearing, payload or {})
            out.extend(meant)
            telling.faults(hearing, action, direction, out)
            checked = checked and not hearing.faults
            if ours is not None:
                out.extend(ours.hear(meant, stamp))
        if checked and habits is not None and payload is not None:
            out.extend(habits.judge(table.name, action, payload, direction, stamp))
        return out

    def _answer(
        self,
        message: Envelope,
        direction: Direction,
        stamp: dict[str, Any],
        habits: Habits | None,
        size: int,
    ) -> list[OcppEvent]:
        caller = direction.other
        waiting, message_id = self.waiting[caller], message.id
        if message_id == envelope.UNREADABLE and message.type == envelope.ERROR and len(waiting) == 1:
            message_id = next(iter(waiting))  # what it could not read can only be this
        call = waiting.pop(message_id, None)
        oddity = None
        if call is None:
            call = self.past[caller].get(message_id)
            oddity = (
                Oddity.UNPAIRED_ANSWER
                if call is None
                else Oddity.DUPLICATE_ANSWER
                if call.answered
                else Oddity.LATE_ANSWER
            )
        else:
            self._remember(caller, message_id, call)
        out: list[OcppEvent] = [telling.answered(message, direction, call, self.usual, stamp)]
        if oddity is not None:
            action = call.action if call else ""
            text = f"{action} {message.id}".strip()[:TEXT_MAX]
            out.append(Misspoke(direction=direction, oddity=oddity, text=text, **stamp))
        if call is None and (habits is None or message.id not in habits.asked):
            return out + telling.decided(message, direction, waiting, stamp)
        if call is None or oddity is Oddity.DUPLICATE_ANSWER:
            return out
        call.answered = message.type
        if message.type == envelope.ERROR:
            out.append(telling.refused(message, direction, call, stamp))
            call.payload = b""
            return out
        table = versions.TABLES[call.version]
        reader = table.answers.get(call.action)
        # A call that came from the wrong side kept nothing, and its answer means nothing.
        right_side = (caller is Direction.FROM_CSMS) == (call.action in table.csms_actions)
        checked = (
            habits is not None
            and call.action in table.actions
            and habits.conformance.due(f"{call.action}.conf", size, stamp["at_ns"])
        )
        payload, fault = read_payload(message.payload, read=checked or reader is not None)
        if fault:
            out.append(Misspoke(direction=direction, oddity=Oddity.BAD_PAYLOAD, text=fault, **stamp))
        if reader is not None and right_side:
            hearing = Hearing(stamp, message_id, call.version, call.at_ns)
            out.extend(reader(hearing, call.said(), payload or {}))
            telling.faults(hearing, call.action, direction, out)
            checked = checked and not hearing.faults
        if checked and habits is not None and payload is not None:
            out.extend(habits.judge(call.version, call.action, payload, direction, stamp, answer=True))
        call.payload = b""
        return out

    def _objection(self, message: Envelope, direction: Direction, stamp: dict[str, Any]) -> list[OcppEvent]:
        """CALLRESULTERROR (2.1): the caller itself could not read the answer it got."""
        call = self.past[direction].get(message.id)
        out: list[OcppEvent] = [telling.answered(message, direction, call, self.usual, stamp)]
        if call is None or call.answered != envelope.RESULT:
            out.append(
                Misspoke(
                    direction=direction, oddity=Oddity.UNPAIRED_ANSWER, text=message.id[:TEXT_MAX], **stamp
                )
            )
        else:
            out.append(telling.refused(message, direction, call, stamp))
        return out

    # --- calls under way -------------------------------------------------------------------------------------------------

    def _await(
        self,
        message_id: str,
        call: Call,
        direction: Direction,
        stamp: dict[str, Any],
        habits: Habits | None,
        out: list[OcppEvent],
    ) -> None:
        if habits is not None and direction is Direction.FROM_CSMS:
            habits.ask(message_id)
        calls = self.waiting[direction]
        past = self.past[direction]
        if message_id in calls or message_id in past:
            # The newer one takes the answer: a station that repeats itself gave up on the first.
            calls.pop(message_id, None)
            past.pop(message_id, None)
            out.append(
                Misspoke(direction=direction, oddity=Oddity.REUSED_ID, text=message_id[:TEXT_MAX], **stamp)
            )
        if calls:
            first = next(iter(calls.values()))
            text = f"{call.action} while {first.action} waits"
            out.append(Misspoke(direction=direction, oddity=Oddity.OVERLAPPING_CALL, text=text, **stamp))
            if len(calls) >= PENDING_MAX:
                del calls[next(iter(calls))]
                text = f"{first.action} is forgotten"
                out.append(Misspoke(direction=direction, oddity=Oddity.TOO_MANY_PENDING, text=text, **stamp))
        calls[message_id] = call

    def _remember(self, direction: Direction, message_id: str, call: Call) -> None:
        past = self.past[direction]
        if len(past) >= PAST_MAX:
            del past[next(iter(past))]
        past[message_id] = call

    def _stamp(self, at_ns: int, frame: str) -> dict[str, Any]:
        return {"station": self.station, "connection": self.connection, "at_ns": at_ns, "frame": frame}
