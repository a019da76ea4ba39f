"""The registers that a session's samples are of: the start's own, one that counts from elsewhere, one of which nothing is known yet.

What they add up to is ``meter.py``'s, which readings count ``register.py``'s. What always holds: what a register is taken for at its first
reading is a guess that the stop may correct.
"""

from __future__ import annotations

import msgspec

from nocwatch.state import kilo
from nocwatch.state.register import Gate, Register

STOPS = "Outlet/"
"""The register that a stop is of where no sample named one."""


class Track(msgspec.Struct):
    """One register of the session. ``shared``: it is the one that the start was read from; ``kilo``: it is in kWh, whatever it says.

    ``first_wh``: its first reading, where it is taken to count from the start of the session; ``sampled_wh``: its first sample beside a start
    that is the same register's.
    """

    register: Register
    shared: bool = False
    closed: bool = False
    kilo: bool = False
    first_wh: float | None = None
    sampled_wh: float | None = None


def first_seen(start_wh: float | None, start_at_ns: int, value: float, at_ns: int, gate: Gate) -> Track:
    """A register that is read for the first time."""
    if start_wh is None:
        return Track(Register())
    span_ns = at_ns - start_at_ns
    if kilo.is_thousandth(start_wh, value, span_ns):
        return msgspec.structs.replace(of_start(start_wh, start_at_ns), kilo=True)
    if since_start(start_wh, start_at_ns, value, at_ns, gate) is not None:
        return msgspec.structs.replace(of_start(start_wh, start_at_ns), sampled_wh=value)
    if value < 0 or not gate.fits(0.0, value, span_ns):
        return Track(Register())
    if value < start_wh and gate.anew(start_at_ns, at_ns):
        return of_start(start_wh, start_at_ns)  # it began anew with the station, as its reading will show
    if value < abs(start_wh) / 2:
        return Track(Register(base_wh=0.0, last_at_ns=start_at_ns, readings=1), first_wh=value)
    return Track(Register())


def of_start(start_wh: float | None, start_at_ns: int) -> Track:
    """The start's own register, as it was then."""
    started = Register(base_wh=start_wh, last_wh=start_wh or 0.0, last_at_ns=start_at_ns, readings=1)
    return Track(started, shared=True)


def has_only(track: Track, start_wh: float | None, *, untimed: bool) -> bool:
    """2.x tells the start as a sample: of which register it was, the first one after it shows.

    A 0 shows nothing, as it may be no reading. Beside an untimed start, which may be from before a boot, it may be a register that began anew.
    """
    register = track.register
    if register.resets or register.doubtful_wh is not None or track.closed:
        return False
    zeros = track.first_wh == 0 and register.last_wh == 0 and not untimed
    return zeros or (register.readings == 1 and register.last_wh == start_wh)


def since_start(
    start_wh: float | None, start_at_ns: int, value: float, at_ns: int, gate: Gate
) -> float | None:
    """By how much the register rose since the start, all of it where that was not said; None where it cannot be the start's register."""
    if start_wh is None:
        return value
    if start_wh < 0 <= value:
        return None  # of registers that turn from below 0 to above nobody knows; a start that is no reading is frequent
    return gate.rise_wh(start_wh, value, at_ns - start_at_ns)
