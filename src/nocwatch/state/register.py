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

from nocwatch.moments import HOUR_NS, SECOND_NS

JITTER_WH = 10.0
"""A fall of no more than this is rounding between two counters of one meter, not a rollback."""
SLACK_WH = 1_000.0
"""A rise by no more than this is believed whatever the time: samples of one moment are stamped seconds apart."""
UNTIMED_SLACK_WH = 250_000.0
"""The same where a station's clock is unusable: its backlog comes within seconds. More than any vehicle takes."""
WRAPS_WH = (2.0**32, 2.0**32 / 10, 1e8, 1e9)
"""Where registers begin anew: 32 bits of watt-hours or of tenths of them, five or six digits of kWh. The first is also where one with a sign turns
from the highest to the lowest number."""
WRAP_RISE_WH_MAX = UNTIMED_SLACK_WH
"""A rise across a wrap is no more than any vehicle takes, however long nothing was read: else a reset would be taken for one."""


class Former(msgspec.Struct, frozen=True):
    """The register as it was before a reset or a wrap that has not shown a rise yet: it may have been a long drop to 0."""

    base_wh: float
    last_wh: float
    last_at_ns: int
    banked_wh: float
    resets: int = 0


class Register(msgspec.Struct):
    """Readings of one register within one session.

    Attributes:
        base_wh: reading from which the present run counts; None before the first.
        last_wh: last reading that counted, ``last_at_ns`` its time.
        banked_wh: energy of the runs before a reset or wrap.
        power_w: mean power between the last two readings that counted, None before.
        doubtful_wh: a reading that did not fit and waits for a second one.
        resets: how often the register began anew; ``restarts`` of these with a boot of the station.
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
    restarts: int = 0
    former: Former | None = None

    @property
    def energy_wh(self) -> float | None:
        return None if self.base_wh is None else self.banked_wh + self.last_wh - self.base_wh


RESTART_SLACK_NS = 10 * SECOND_NS
"""The relay may hear of a lost link later than the station's meter began anew."""
GOES_ON = 2
"""So many times the power before a restart is still that of the same vehicle."""
SAVED_SHARE = 0.9
"""A register that shows at least so much of what it showed before its station began anew goes on from where it was last saved: those with a
memory are saved every some minutes. One that began at 0 is seldom there by chance."""


class Gate(msgspec.Struct, frozen=True):
    """What is believed of a register: it rises no faster than ``power_w_max``, give or take ``slack_wh``.

    It may have begun anew at one of the station's ``restarts``, each from and to a moment.
    """

    power_w_max: float
    slack_wh: float = SLACK_WH
    restarts: tuple[tuple[int, int], ...] = ()

    def allowance_wh(self, span_ns: int) -> float:
        """The most that a register can rise in that time."""
        return self.power_w_max * max(span_ns, 0) / HOUR_NS + self.slack_wh

    def fits(self, before_wh: float, value: float, span_ns: int) -> bool:
        """Whether the reading can follow the one before."""
        return -JITTER_WH <= value - before_wh <= self.allowance_wh(span_ns)

    def anew(self, before_ns: int, at_ns: int) -> bool:
        """Whether the station's computer may have begun anew between two readings."""
        return any(
            from_ns - RESTART_SLACK_NS <= at_ns and before_ns < until_ns
            for from_ns, until_ns in self.restarts
        )

    def rise_wh(self, before_wh: float, value: float, span_ns: int) -> float | None:
        """By how much the register rose from the one reading to the other, also across a wrap; None where the one cannot follow the other.

        A number below 0 follows only another one, or the highest one of a register with a sign.
        """
        if self.fits(before_wh, value, span_ns) and (before_wh < 0 or value >= 0):
            return max(value - before_wh, 0.0)
        most_wh = min(self.allowance_wh(span_ns), WRAP_RISE_WH_MAX)
        wraps = WRAPS_WH if value >= 0 else WRAPS_WH[:1]
        rises = (value + wrap_wh - before_wh for wrap_wh in wraps)
        return next((rise for rise in rises if 0 <= rise <= most_wh), None) if before_wh >= 0 else None


def no_reading(value: float) -> str:
    """Why a value is no reading at all; empty where it may be one. Below 0 it may: a register with a sign goes on there."""
    if not math.isfinite(value):
        return "not_a_number"
    return "minus_one" if value == -1 else ""


def read(register: Register, value: float, at_ns: int, gate: Gate) -> str:
    """Takes a reading in.

    Returns:
        Empty where it counts. ``wrapped`` where it counts across a wrap. Else why it is kept out: ``minus_one``, ``negative``,
        ``not_a_number``, ``out_of_order``, ``dropped_to_zero``, ``fell``, ``jumped``.
    """
    if why := no_reading(value):
        return why
    if register.base_wh is None:
        return _first(register, value, at_ns, gate)
    if at_ns < register.last_at_ns:
        return "out_of_order"
    if register.former is not None and _back_to_former(register, value, at_ns, gate):
        return ""
    if _fell_with_restart(register, value, at_ns, gate):
        return ""
    rise = gate.rise_wh(register.last_wh, value, at_ns - register.last_at_ns)
    if rise is not None and value >= register.last_wh - JITTER_WH:
        _accept(register, value, at_ns)
        return ""
    if rise is not None:
        register.former = _as_it_is(register) if value == 0 else None
        register.banked_wh += register.last_wh - register.base_wh + rise
        register.base_wh, register.last_wh, register.last_at_ns = value, value, at_ns
        register.doubtful_wh = None
        register.readings += 1
        return "wrapped"
    if _confirmed(register, value, at_ns, gate):
        return ""
    register.doubtful_wh, register.doubtful_at_ns = value, at_ns
    if value < 0:
        return "negative"
    return "dropped_to_zero" if value == 0 else "fell" if value < register.last_wh else "jumped"


def _first(register: Register, value: float, at_ns: int, gate: Gate) -> str:
    """The first reading; one below 0 counts when the next one follows it."""
    doubtful = register.doubtful_wh
    if value < 0 and (
        doubtful is None or gate.rise_wh(doubtful, value, at_ns - register.doubtful_at_ns) is None
    ):
        register.doubtful_wh, register.doubtful_at_ns = value, at_ns
        return "negative"
    register.base_wh, register.last_wh, register.readings = value, value, 1
    if doubtful is not None and value < 0:
        register.base_wh, register.last_wh, register.readings = doubtful, max(value, doubtful), 2
    register.last_at_ns = at_ns
    register.doubtful_wh = None
    return ""


def _fell_with_restart(register: Register, value: float, at_ns: int, gate: Gate) -> bool:
    """A register that nobody saves begins at 0 where the station's computer does: one reading tells, with the boot."""
    since_ns = at_ns - register.last_at_ns
    below = value < register.last_wh * SAVED_SHARE or register.last_wh < 0
    fell = value >= 0 and below and value <= gate.allowance_wh(since_ns)
    if not fell or not gate.anew(register.last_at_ns, at_ns):
        return False
    wrapped = (
        value < register.last_wh - JITTER_WH and gate.rise_wh(register.last_wh, value, since_ns) is not None
    )
    if wrapped:
        return False  # so near to where registers wrap none is by chance
    assert register.base_wh is not None
    # A lone 0, or a lone slip, may still be a meter that cannot be read while the station comes up.
    register.former = _as_it_is(register)
    register.banked_wh += register.last_wh - register.base_wh
    register.base_wh, register.last_wh, register.last_at_ns = 0.0, value, at_ns
    register.doubtful_wh = None
    register.readings += 1
    register.resets += 1
    register.restarts += 1
    return True


def _accept(register: Register, value: float, at_ns: int) -> None:
    span_ns = at_ns - register.last_at_ns
    rise = value - register.last_wh
    if span_ns > 0:
        register.power_w = max(rise, 0.0) * HOUR_NS / span_ns
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
    rise = gate.rise_wh(doubtful, value, at_ns - register.doubtful_at_ns)
    if rise is None:
        return False
    if rise == 0:
        # No rise yet: a meter whose communication is lost says 0 for minutes, and then goes on where it was.
        register.former = _as_it_is(register)
    register.banked_wh += register.last_wh - register.base_wh
    since_ns = register.doubtful_at_ns - register.last_at_ns
    from_zero = 0 <= doubtful <= register.last_wh / 2 and doubtful <= gate.allowance_wh(since_ns)
    # A fall to less than half is a reset to 0: what it shows has flowed since. Any other fall is a new base.
    register.base_wh = 0.0 if from_zero else doubtful
    register.last_wh = max(value, doubtful)
    if value < doubtful and rise > 0:  # across a wrap
        register.banked_wh += doubtful - register.base_wh + rise
        register.base_wh = register.last_wh = value
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
    if value - former.last_wh >= value - register.last_wh or _goes_on(register, value, at_ns):
        return False
    register.base_wh, register.banked_wh = former.base_wh, former.banked_wh
    register.last_wh, register.last_at_ns = max(value, former.last_wh), at_ns
    register.doubtful_wh = register.former = None
    register.resets = former.resets
    register.readings += 1
    return True


def _goes_on(register: Register, value: float, at_ns: int) -> bool:
    """Whether a register that is above 0 since it began anew rose as fast as before, if that is known: it has then come there by itself."""
    if register.last_wh <= 0:
        return False
    if register.power_w is None:
        return True
    usual_wh = GOES_ON * register.power_w * (at_ns - register.last_at_ns) / HOUR_NS + SLACK_WH
    return value - register.last_wh <= usual_wh


def _as_it_is(register: Register) -> Former:
    assert register.base_wh is not None
    return Former(
        register.base_wh, register.last_wh, register.last_at_ns, register.banked_wh, register.resets
    )
