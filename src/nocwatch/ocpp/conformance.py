"""How well one station keeps to the schemas: messages checked within a budget, reasons counted. Advisory: nothing depends on it.

The budget is of work a second of *record* time, and a station's own: a replay checks the same messages as the live run did,
also where it holds this station's records alone. Of what a station says all day a sample is enough. What always holds: the first message of each kind is checked whatever the
load, what is kept is bounded, and a reason is told when it is new and then ever more rarely.
"""

from __future__ import annotations

import msgspec

from nocwatch.moments import SECOND_NS
from nocwatch.ocpp import quirks, schemas
from nocwatch.ocpp.fields import Payload

UNIT_NS = SECOND_NS
"""Record time that one unit of work takes from the budget: a station at rest says less than a message a second."""
UNIT_BYTES = 4096
"""A unit of work is one message, and one more for each so many bytes."""
BURST_NS = 20 * SECOND_NS
"""Units that may be spent at once: a boot with its dozen messages is checked in full."""
BYTES_MAX = 32_768
"""Longer ones are not checked: reports of the device model, which come in parts."""
ALL_OF = 32
"""Of each kind the first so many are checked, as far as the budget goes; after them a station repeats itself."""
ONE_IN = 8
"""Of those that come after, one in so many."""
KINDS_MAX = 256
"""Kinds of messages: twice the actions of the largest version fit, and no station has all."""
REASONS_MAX = 64
"""Of one station; a firmware has some five. Further ones count as ``other``."""
OTHER = "other"


class Conformance(msgspec.Struct):
    """One station's.

    Attributes:
        free_at_ns: when all that was spent is earned again.
        kinds: messages heard, by action (answers with a trailing ``.conf``).
        reasons: messages that were checked and did not fit, by ``action keyword path``.
        unchecked: messages that were left out.
    """

    free_at_ns: int = 0
    kinds: dict[str, int] = {}
    reasons: dict[str, int] = {}
    unchecked: int = 0

    def due(self, kind: str, size: int, at_ns: int) -> bool:
        """Whether there is budget to check this message; if so, it is spent."""
        heard = self.kinds.get(kind, 0)
        if heard or len(self.kinds) < KINDS_MAX:
            self.kinds[kind] = heard + 1
        if heard >= ALL_OF and heard % ONE_IN:  # first, as it is the rule
            self.unchecked += 1
            return False
        begins_ns = max(self.free_at_ns, at_ns)
        spent = begins_ns - at_ns > BURST_NS and (heard or len(self.kinds) >= KINDS_MAX)
        if spent or size > BYTES_MAX:
            self.unchecked += 1
            return False
        self.free_at_ns = begins_ns + (1 + size // UNIT_BYTES) * UNIT_NS
        return True

    def judge(self, version: str, action: str, payload: Payload, vendor: str, *, answer: bool) -> str:
        """What is wrong and worth telling now; empty where nothing is, or it was told already."""
        compiled = schemas.validator(version, action, answer=answer)
        if compiled is None:
            return ""
        told: dict[str, str] = {}
        seen: set[str] = set()
        for misfit in schemas.misfits(compiled, payload):
            if misfit.reason in seen or quirks.known(misfit, vendor, version, action):
                continue
            seen.add(misfit.reason)
            count = self._count(f"{action}{'.conf' if answer else ''} {misfit.reason}")
            if _is_told(count):
                again = f", {count} times" if count > 1 else ""
                told[misfit.reason] = f"{misfit.reason}{f' ({misfit.value})' if misfit.value else ''}{again}"
        return f"{action}: {'; '.join(told.values())}" if told else ""

    def _count(self, reason: str) -> int:
        if reason not in self.reasons and len(self.reasons) >= REASONS_MAX:
            reason = OTHER
        count = self.reasons[reason] = self.reasons.get(reason, 0) + 1
        return count


def _is_told(count: int) -> bool:
    """The first, tenth, hundredth, thousandth, and then each thousandth."""
    return count in {1, 10, 100} or count % 1000 == 0
