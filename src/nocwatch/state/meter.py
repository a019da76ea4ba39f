"""The meter of one session: start, samples, stop, and the one energy that follows from them.

Start and stop come from StartTransaction and StopTransaction (1.6) or the contexts Transaction.Begin and .End; samples may
be of the same register, of another that counts from the start of the session, or of one that was reset in between. What
always holds: no energy is counted twice, none is negative, and what is not known is None.
"""

from __future__ import annotations

import msgspec

from nocwatch.moments import SECOND_NS
from nocwatch.state import kilo, tracks
from nocwatch.state import register as registers
from nocwatch.state.readings import Readings
from nocwatch.state.register import Gate
from nocwatch.state.tracks import Track

BEFORE_START_NS = 60 * SECOND_NS
"""Samples that are this much older than the start are of another time: stations flood their backlog at the first connect."""
REGISTERS_MAX = 6
"""Registers of a session: two places, overall or phases; a station that names more is inventing them."""


class Meter(msgspec.Struct):
    """What is known of the session's energy.

    Attributes:
        start_wh: as said, None where not said or no reading. ``stop_wh`` alike.
        start_said: the same as it was written, which is another where ``kilo``: start and stop are in kWh, the samples show it.
        doubt: why the register at the stop does not count; empty where it does.
        untimed: some of its readings have no usable time stamp, so the time between them says little.
        interval_wh: sum of interval values, for a station that sends no register.
    """

    start_wh: float | None = None
    start_said: float | None = None
    kilo: bool = False
    doubt: str = ""
    start_at_ns: int = 0
    stop_wh: float | None = None
    stop_at_ns: int = 0
    tracks: dict[str, Track] = {}
    untimed: bool = False
    interval_wh: float | None = None
    interval_at_ns: int = 0

    @property
    def best(self) -> Track | None:
        """The register to believe: the best one that was read twice, else the best one."""
        if len(self.tracks) == 1:
            return next(iter(self.tracks.values()))
        ranked = sorted(self.tracks.items(), key=lambda item: (item[1].register.readings < 2, _rank(item[0])))
        return ranked[0][1] if ranked else None


def begin(meter: Meter, value: float | None, at_ns: int) -> None:
    """The register at the start."""
    if meter.start_wh is None and value is not None and not registers.no_reading(value):
        meter.start_wh, meter.start_at_ns = value, at_ns
        meter.start_said = value


def sample(meter: Meter, readings: Readings, at_ns: int, gate: Gate) -> str:
    """Takes the samples of one moment in; says why the register's reading is kept out (see ``register.read``)."""
    _add_interval(meter, readings.interval_wh, at_ns)
    value = readings.register_wh
    if value is None:
        return ""
    if why := registers.no_reading(value):
        return why
    if readings.context == "Transaction.Begin":
        begin(meter, value, at_ns)
    track = meter.tracks.get(readings.register_key)
    if track is None:
        if why := _early_late_or_many(meter, value, at_ns):
            return why
        _find_kilo(meter, value, at_ns)
        track = meter.tracks[readings.register_key] = _track(meter, value, at_ns, gate)
    elif tracks.has_only(track, meter.start_wh, untimed=meter.untimed):
        track = meter.tracks[readings.register_key] = _track(meter, value, at_ns, gate)
    track.kilo, value = kilo.as_read(track.register, value, at_ns, known=track.kilo)
    if track.closed:
        return "after_stop" if at_ns > meter.stop_at_ns else "out_of_order"
    return _read(meter, track, readings, value, at_ns, gate)


def _read(meter: Meter, track: Track, readings: Readings, value: float, at_ns: int, gate: Gate) -> str:
    at_end = readings.context == "Transaction.End"
    if at_end and meter.stop_wh is None and _apart(meter, track, value, at_ns, gate):
        meter.stop_wh, meter.stop_at_ns = value, at_ns
        return ""
    why = registers.read(track.register, value, at_ns, gate)
    if (
        why == "jumped"
        and not track.shared
        and not track.register.energy_wh
        and meter.start_wh is not None
        and _can_end(meter, value, at_ns, gate)
    ):
        # The first samples were zeros, and only now does it show which register this is.
        track = meter.tracks[readings.register_key] = _track(meter, value, at_ns, gate)
        why = registers.read(track.register, value, at_ns, gate)
    if at_end and not why and meter.stop_wh is None:
        meter.stop_wh, meter.stop_at_ns = value, at_ns
    return why


def _add_interval(meter: Meter, interval_wh: float | None, at_ns: int) -> None:
    if interval_wh is not None and at_ns > meter.interval_at_ns and interval_wh >= 0:
        meter.interval_wh = (meter.interval_wh or 0.0) + interval_wh
        meter.interval_at_ns = at_ns


def _early_late_or_many(meter: Meter, value: float, at_ns: int) -> str:
    """Why a register that was not seen before does not count; empty where it does."""
    early_ns = meter.start_at_ns - at_ns
    # The start knows better, unless it said 0 and a register that has counted for long was read with it.
    knew = meter.start_wh != 0 or value <= registers.SLACK_WH or early_ns > BEFORE_START_NS
    if meter.start_wh is not None and early_ns > 0 and knew:
        return "before_start"
    if meter.stop_wh is not None and not meter.doubt and at_ns > meter.stop_at_ns:
        return "after_stop"
    return "too_many_registers" if len(meter.tracks) >= REGISTERS_MAX else ""


def end(meter: Meter, value: float | None, at_ns: int, gate: Gate) -> str:
    """The register at the stop, in Wh; of several the highest that can be. Says why it is kept out, empty where it counts.

    A register only rises: of two stops the lower one was read before the end.
    """
    if value is None:
        return ""
    if why := registers.no_reading(value):
        meter.doubt = meter.doubt if meter.stop_wh is not None else why
        return why
    if meter.stop_wh == value:
        return ""
    if meter.stop_wh is not None:
        known, new = (
            _since_start(meter, meter.stop_wh, meter.stop_at_ns, gate),
            _since_start(meter, value, at_ns, gate),
        )
        if _is_earlier(meter, value, known, new) and not _after_restart(meter, value, at_ns, gate):
            return "other_stop"
    meter.stop_wh, meter.stop_at_ns = value, at_ns
    meter.doubt = _end(meter, value, at_ns, gate)
    return meter.doubt


def _is_earlier(meter: Meter, value: float, known: float | None, new: float | None) -> bool:
    """Whether the stop was read before the one that is known; ``known`` and ``new`` are what they say has flowed since the start."""
    if known is not None:
        return new is None or new < known
    track = meter.best
    if meter.doubt or meter.start_wh is None or track is None or not track.register.restarts:
        return False
    # The register began anew with the station: what it had reached before was read before.
    before_wh = meter.stop_wh if new is None else meter.start_wh + track.register.banked_wh
    return value <= (before_wh or 0.0) + registers.JITTER_WH


def _after_restart(meter: Meter, value: float, at_ns: int, gate: Gate) -> bool:
    """Whether the stop was read after the station's computer, and the register with it, began anew; the one that is known was read before."""
    track = meter.best
    if meter.doubt or track is None or not track.shared or track.register.restarts or meter.start_wh is None:
        return False
    return 0 < value < meter.start_wh and gate.anew(track.register.last_at_ns, at_ns)


def _end(meter: Meter, value: float, at_ns: int, gate: Gate) -> str:
    track = meter.best
    # However little it fell, it may have begun anew with a boot: the register itself knows.
    anew = gate.anew(meter.start_at_ns, at_ns) and value < (meter.start_wh or 0.0)
    if track is None and not anew:
        return "" if _can_end(meter, value, at_ns, gate) else "fell"
    if track is None:
        track = meter.tracks[tracks.STOPS] = tracks.of_start(meter.start_wh, meter.start_at_ns)
    if _apart(meter, track, value, at_ns, gate):
        return ""
    if not track.kilo and not _can_end(meter, value, at_ns, gate):
        track.kilo = kilo.found_by_stop(track.register, value, at_ns, track.first_wh)
    why = registers.read(track.register, value, max(at_ns, track.register.last_at_ns), gate)
    apart = not track.shared or track.register.resets > 0
    if (
        apart
        and why in ("jumped", "fell", "dropped_to_zero", "negative")
        and meter.start_wh is not None
        and _can_end(meter, value, at_ns, gate)
    ):
        # Start and stop are of the meter's own register; the samples count from the start of the session, or in another unit.
        track.shared, why = False, ""
    why = "" if why == "wrapped" else why
    # Closing values after a stop that counts add nothing; where it does not, they may still tell.
    track.closed = not why
    return why


def _apart(meter: Meter, track: Track, value: float, at_ns: int, gate: Gate) -> bool:
    """Whether the stop is of the start's register, and the samples of another: one that was another from the start, or fell at once after it.

    So it is where the samples' own register cannot go on to it, or less smoothly than they go on to the stop less the start.
    """
    register = track.register
    between, sampled = _since_start(meter, value, at_ns, gate), register.energy_wh
    if meter.start_wh is None or between is None or sampled is None:
        return False
    goes_on = gate.fits(register.last_wh, value, at_ns - register.last_at_ns)
    if goes_on and not track.shared and not track.kilo and sampled > between + registers.JITTER_WH:
        # More than since the start, by the stop's own register: it began anew between the start and the first sample.
        track.shared, register.resets = True, register.resets + 1
        return False
    if track.shared and register.resets and not register.restarts and not goes_on:
        # The start's register never fell: what followed its first samples was read from another.
        track.shared, track.closed, register.resets = False, True, 0
        return True
    at_once = register.resets == 1 and not register.banked_wh and not register.restarts and sampled > 0
    gap_wh = between - sampled + registers.JITTER_WH
    if gap_wh < 0 or (track.shared and not at_once):
        return False
    fell = value < register.last_wh - registers.JITTER_WH
    if not fell and not (track.shared and gap_wh < value - register.last_wh):
        return False
    track.shared, track.closed = False, True
    return True


def unend(meter: Meter) -> None:
    """The register at the stop was another transaction's."""
    meter.stop_wh, meter.stop_at_ns, meter.doubt = None, 0, ""
    for track in meter.tracks.values():
        track.closed = False


def find_kilo(meter: Meter, stop: float | None, at_ns: int) -> bool:
    """Start and stop in kWh beside samples in Wh, as the stop shows where the meter is so young that its start could be in Wh."""
    track = meter.best
    if stop is None or meter.stop_wh is not None or meter.start_wh is None or track is None:
        return False
    register = track.register
    if meter.kilo or track.kilo or not track.shared or register.resets or track.sampled_wh is None:
        return False
    first_wh, span_ns = track.sampled_wh, at_ns - register.last_at_ns
    if kilo.are_ends(meter.start_wh, stop, first_wh, register.last_wh, span_ns):
        meter.kilo, meter.start_wh = True, kilo.of_kwh(meter.start_wh, first_wh)
        register.base_wh = meter.start_wh
    return meter.kilo


def in_wh(meter: Meter, value: float | None) -> float | None:
    """The register at the stop as it was said, in Wh."""
    if value is None or not meter.kilo or registers.no_reading(value):
        return value
    last = last_reading(meter)
    return kilo.of_kwh(value, 0.0 if last is None else last[0])


def began_anew(meter: Meter) -> bool:
    """Whether a register fell on the way, went on from there and rose: its sum is a guess."""
    return any(track.register.resets and track.register.former is None for track in meter.tracks.values())


def sampled_in_kwh(meter: Meter) -> bool:
    """Whether samples that say Wh are in kWh."""
    return any(track.kilo for track in meter.tracks.values())


def energy_wh(meter: Meter, gate: Gate) -> float | None:
    """The energy of the session so far, as all readings together have it; None where they say nothing."""
    track = meter.best
    sampled = (
        track.register.energy_wh
        if track is not None and (track.shared or track.register.readings > 1)
        else None
    )
    if track is not None and sampled is None and track.register.energy_wh:
        sampled = track.register.energy_wh
    between = _between(meter, gate)
    if between is not None:
        if track is None or sampled is None:
            return between
        if track.shared:
            first_wh, last_wh = track.sampled_wh, track.register.last_wh
            # What its samples showed from the first to the last of them has flowed, however low it is at the stop.
            fell = first_wh is not None and last_wh - first_wh > between + registers.JITTER_WH
            return sampled if track.register.resets or fell else max(between, 0.0)
        # What was taken for kWh may have been chance: the stop less the start knows better.
        turned_back = track.register.resets and not track.kilo and sampled > between + registers.JITTER_WH
        return sampled if turned_back or (between == 0 and sampled > 0) else between
    if sampled is not None:
        return sampled
    if meter.interval_wh is not None:
        return meter.interval_wh
    return 0.0 if track is not None else None


def power_w(meter: Meter) -> float | None:
    """Mean power between the last two readings: for a station that sends no power."""
    track = meter.best
    return None if track is None else track.register.power_w


def last_reading(meter: Meter) -> tuple[float, int] | None:
    """The last register reading that counted and its time; that of the start where none came after it."""
    track = meter.best
    if track is None or track.register.base_wh is None:
        return None if meter.start_wh is None else (meter.start_wh, meter.start_at_ns)
    return track.register.last_wh, track.register.last_at_ns


def _rank(key: str) -> tuple[int, bool]:
    place, _, phases = key.partition("/")
    return (("Outlet", "Inlet").index(place) if place in ("Outlet", "Inlet") else 2), bool(phases)


def _find_kilo(meter: Meter, value: float, at_ns: int) -> None:
    """A start in kWh beside samples whose unit is right: a thousand times the start is where the samples begin."""
    said = meter.start_wh
    if meter.kilo or said is None or said < 1 or meter.stop_wh is not None:
        return
    gate = kilo.GATE
    span_ns = at_ns - meter.start_at_ns
    if not gate.fits(said, value, span_ns) and gate.fits(said * 1000, value, span_ns):
        meter.kilo, meter.start_wh = True, kilo.of_kwh(said, value)


def _between(meter: Meter, gate: Gate) -> float | None:
    """Stop less start, where the one can follow the other."""
    if meter.start_wh is None or meter.stop_wh is None:
        return None
    return _since_start(meter, meter.stop_wh, meter.stop_at_ns, gate)


def _can_end(meter: Meter, value: float, at_ns: int, gate: Gate) -> bool:
    return _since_start(meter, value, at_ns, gate) is not None


def _since_start(meter: Meter, value: float, at_ns: int, gate: Gate) -> float | None:
    return tracks.since_start(meter.start_wh, meter.start_at_ns, value, at_ns, gate)


def _track(meter: Meter, value: float, at_ns: int, gate: Gate) -> Track:
    return tracks.first_seen(meter.start_wh, meter.start_at_ns, value, at_ns, gate)
