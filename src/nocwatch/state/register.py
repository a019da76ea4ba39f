"""An energy register that lies now and then: which readings count, and how much energy the rises add up to.

It is not a meter of a session (that is ``meter.py``, which knows several registers, a start and a stop). What always holds:
the energy is never negative and never falls while the register goes on, a reading that does not fit is kept out with a named
reason until a second one confirms it, and reading the same value again changes nothing.

Seen in the field: -1 for "no reading", negative values, a drop to 0 for one sample, a wrap at 2³² Wh, a reset at boot, a
jump by a factor of 1000 when the unit changes (see *Real meters* in docs/sessions.md).
"""

from __future__ import annotations

import math

import msgspec

JITTER_WH = 10.0
"""A fall of no more than this is rounding between two counters of one meter, not a rollback."""
SLACK_WH = 1_000.0
"""A rise by no more than this is believed whatever the time: samples of one moment are stamped seconds apart."""
UNTIMED_SLACK_WH = 250_000.0
"""The same where a station's clock is unusable: its backlog comes within seconds. More than any vehicle takes."""
WRAP_WH = 2.0**32
"""Where a 32-bit register of watt-hours begins anew."""


class Former(msgspec.Struct, frozen=True):
    """The register as it was before a reset that has not shown a rise yet: it may have been a long drop to 0."""

    base_wh: float
    last_wh: float
    last_at_ns: int
    banked_wh: float


class Register(msgspec.Struct):
    """Readings of one register within one session.

    Attributes:
        base_wh: reading from which the present run counts; None before the first.
        last_wh: last reading that counted, ``last_at_ns`` its time.
        banked_wh: energy of the runs before a reset or wrap.
        power_w: mean power between the last two readings that counted, None before.
        doubtful_wh: a reading that did not fit and waits for a second one.
        resets: how often the register began anew.
    """

    base_wh: float | None = None
    last_wh: float = 0.0
    last_at_ns: int = 0
    banked_wh: float = 0.0
    readings: int = 0
    power_w: float | None = None
    doubtful_wh: float | None = None
    doubtful_at_ns: int = 0
    resets: int = 0
    former: Former | None = None

    @property
    def energy_wh(self) -> float | None:
        return None if self.base_wh is None else self.banked_wh + self.last_wh - self.base_wh


class Gate(msgspec.Struct, frozen=True):
    """What is believed of a register: it rises no faster than ``power_w_max``, give or take ``slack_wh``."""

    power_w_max: float
    slack_wh: float = SLACK_WH

    def allowance_wh(self, span_ns: int) -> float:
        """The most that a register can rise in that time."""
        return self.power_w_max * max(span_ns, 0) / 3.6e12 + self.slack_wh

    def fits(self, before_wh: float, value: float, span_ns: int) -> bool:
        """Whether the reading can follow the one before."""
        return -JITTER_WH <= value - before_wh <= self.allowance_wh(span_ns)


def no_reading(value: float) -> str:
    """Why a value is no reading at all; empty where it may be one."""
    if value >= 0 and not math.isinf(value):
        return ""
    if value == -1:
        return "minus_one"
    return "negative" if value < 0 else "not_a_number"


def read(register: Register, value: float, at_ns: int, gate: Gate) -> str:
    """Takes a reading in.

    Returns:
        Empty where it counts. ``wrapped`` where it counts across 2³². Else why it is kept out: ``minus_one``, ``negative``,
        ``not_a_number``, ``out_of_order``, ``dropped_to_zero``, ``fell``, ``jumped``.
    """
    if why := no_reading(value):
        return why
    if register.base_wh is None:
        register.base_wh = register.last_wh = value
        register.last_at_ns = at_ns
        register.readings = 1
        return ""
    if at_ns < register.last_at_ns:
        return "out_of_order"
    if register.former is not None and _back_to_former(register, value, at_ns, gate):
        return ""
    span_ns = at_ns - register.last_at_ns
    rise = value - register.last_wh
    if -JITTER_WH <= rise <= gate.allowance_wh(span_ns):
        _accept(register, value, at_ns)
        return ""
    if rise < 0 and 0 <= WRAP_WH - register.last_wh <= gate.allowance_wh(span_ns) - value:
        register.banked_wh += WRAP_WH - register.base_wh
        register.base_wh, register.last_wh, register.last_at_ns = 0.0, value, at_ns
        register.doubtful_wh = None
        register.readings += 1
        return "wrapped"
    if _confirmed(register, value, at_ns, gate):
        return ""
    register.doubtful_wh, register.doubtful_at_ns = value, at_ns
    return "dropped_to_zero" if value == 0 else "fell" if rise < 0 else "jumped"


def _accept(register: Register, value: float, at_ns: int) -> None:
    span_ns = at_ns - register.last_at_ns
    rise = value - register.last_wh
    if span_ns > 0:
        register.power_w = max(rise, 0.0) * 3.6e12 / span_ns
        register.readings += 1
    if rise > 0:
        register.last_wh = value
        register.former = None
    register.last_at_ns = at_ns
    register.doubtful_wh = None


def _confirmed(register: Register, value: float, at_ns: int, gate: Gate) -> bool:
    """A second reading that follows the doubtful one: the register did begin anew, and counts from there."""
    doubtful = register.doubtful_wh
    if doubtful is None or register.base_wh is None or at_ns <= register.doubtful_at_ns:
        return False
    if not gate.fits(doubtful, value, at_ns - register.doubtful_at_ns):
        return False
    if value <= doubtful:
        # No rise yet: a meter whose communication is lost says 0 for minutes, and then goes on where it was.
        register.former = Former(register.base_wh, register.last_wh, register.last_at_ns, register.banked_wh)
    register.banked_wh += register.last_wh - register.base_wh
    since_ns = register.doubtful_at_ns - register.last_at_ns
    from_zero = doubtful <= register.last_wh / 2 and doubtful <= gate.allowance_wh(since_ns)
    # A fall to less than half is a reset to 0: what it shows has flowed since. Any other fall is a new base.
    register.base_wh = 0.0 if from_zero else doubtful
    register.last_wh = max(value, doubtful)
    register.last_at_ns = at_ns
    register.doubtful_wh = None
    register.readings += 2
    register.resets += 1
    return True


def _back_to_former(register: Register, value: float, at_ns: int, gate: Gate) -> bool:
    former = register.former
    assert former is not None
    if not gate.fits(former.last_wh, value, at_ns - former.last_at_ns):
        return False
    if value - former.last_wh >= value - register.last_wh:
        return False
    register.base_wh, register.banked_wh = former.base_wh, former.banked_wh
    register.last_wh, register.last_at_ns = max(value, former.last_wh), at_ns
    register.doubtful_wh = register.former = None
    register.resets -= 1
    register.readings += 1
    return True
