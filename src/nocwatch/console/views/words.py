"""Numbers, times and durations as people read them. Pure; ``now_ns`` and the time zone are arguments.

Thousands are parted by a narrow no-break space, a unit follows its number after a no-break space. None is a dash: what
is not known is never shown as zero.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

from nocwatch.moments import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS

THIN = "\u202f"
NOBREAK = "\u00a0"
UNKNOWN = "\u2013"


def number(value: float | None, decimals: int = 0) -> str:
    """``12 345.6`` with narrow spaces."""
    if value is None:
        return UNKNOWN
    text = f"{value:,.{decimals}f}".replace(",", THIN).replace("-", "\u2212")
    return text.removeprefix("\u2212") if not any(digit in text for digit in "123456789") else text


def unit(value: float | None, name: str, decimals: int = 0) -> str:
    return UNKNOWN if value is None else f"{number(value, decimals)}{NOBREAK}{name}"


def kwh(energy_wh: float | None) -> str:
    if energy_wh is None:
        return UNKNOWN
    return unit(energy_wh / 1000, "kWh", 2 if abs(energy_wh) < 10_000 else 1)


def kw(power_w: float | None) -> str:
    if power_w is None:
        return UNKNOWN
    return unit(power_w / 1000, "kW", 1)


def percent(ratio: float | None, decimals: int = 1) -> str:
    return UNKNOWN if ratio is None else unit(ratio * 100, "%", decimals)


def size(count: float) -> str:
    """Bytes in binary units."""
    for name in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < 1024:
            return unit(count, name, 0 if name == "B" else 1)
        count /= 1024
    return unit(count, "TiB", 1)


def span(duration_ns: int | None) -> str:
    """A length of time in its two largest units: ``420 ms``, ``38 s``, ``12 min``, ``2 h 05 min``, ``3 d 4 h``."""
    if duration_ns is None:
        return UNKNOWN
    ns = max(0, duration_ns)
    if 0 < ns < 1_000_000:
        return f"<{NOBREAK}1{NOBREAK}ms"
    if ns < SECOND_NS:
        return unit(ns // 1_000_000, "ms")
    if ns < 10 * SECOND_NS:
        return unit(ns / SECOND_NS, "s", 1)
    if ns < MINUTE_NS:
        return unit(ns // SECOND_NS, "s")
    if ns < 10 * MINUTE_NS:
        return f"{ns // MINUTE_NS}{NOBREAK}min{NOBREAK}{ns % MINUTE_NS // SECOND_NS:02d}{NOBREAK}s"
    if ns < HOUR_NS:
        return unit(ns // MINUTE_NS, "min")
    if ns < DAY_NS:
        return f"{ns // HOUR_NS}{NOBREAK}h{NOBREAK}{ns % HOUR_NS // MINUTE_NS:02d}{NOBREAK}min"
    return f"{ns // DAY_NS}{NOBREAK}d{NOBREAK}{ns % DAY_NS // HOUR_NS}{NOBREAK}h"


def clock(duration_ns: int | None) -> str:
    """``hh:mm:ss`` of a running session; hours go on beyond 24."""
    if duration_ns is None:
        return UNKNOWN
    seconds = max(0, duration_ns) // SECOND_NS
    return f"{seconds // 3600:02d}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"


def brief(duration_ns: int) -> str:
    """The largest unit alone, for rows that are compared with each other: ``12 min``, ``3 h``, ``5 d``."""
    ns = max(0, duration_ns)
    for length, name in ((DAY_NS, "d"), (HOUR_NS, "h"), (MINUTE_NS, "min")):
        if ns >= length:
            return unit(ns // length, name)
    return unit(ns // SECOND_NS, "s")


def ago(at_ns: int, now_ns: int) -> str:
    """``3 min ago``; a moment in the future is ``in 3 min``."""
    if now_ns - at_ns < 0:
        return "now" if at_ns - now_ns < 5 * SECOND_NS else f"in {brief(at_ns - now_ns)}"
    return "now" if now_ns - at_ns < 2 * SECOND_NS else f"{brief(now_ns - at_ns)}{NOBREAK}ago"


def _moment(at_ns: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(at_ns // SECOND_NS, zone)


def absolute(at_ns: int, zone: tzinfo) -> str:
    """``2026-11-21 10:04:13 CET``."""
    return _moment(at_ns, zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def time_of_day(at_ns: int, zone: tzinfo, millis: bool = False) -> str:
    text = _moment(at_ns, zone).strftime("%H:%M:%S")
    return f"{text}.{at_ns % SECOND_NS // 1_000_000:03d}" if millis else text


def moment_ns(time: str) -> int:
    """Of an RFC 3339 time, to the second."""
    return int(datetime.fromisoformat(time).timestamp()) * SECOND_NS


def short(at_ns: int, now_ns: int, zone: tzinfo) -> str:
    """``10:04:13`` today, ``Nov 20 10:04`` before."""
    then, now = _moment(at_ns, zone), _moment(now_ns, zone)
    return then.strftime("%H:%M:%S") if then.date() == now.date() else then.strftime("%b %d %H:%M")


def frame_time(at_ns: int, now_ns: int, zone: tzinfo) -> str:
    """``10:04:13.512`` today, ``Nov 20 10:04:13`` before."""
    then, now = _moment(at_ns, zone), _moment(now_ns, zone)
    return (
        time_of_day(at_ns, zone, millis=True)
        if then.date() == now.date()
        else then.strftime("%b %d %H:%M:%S")
    )


def sentence(word: str) -> str:
    """A code or a name as words: ``REMOTE_START_NO_TX`` → ``Remote start no transaction``, ``plug_and_charge`` → ``Plug and charge``."""
    text = " ".join(_ACRONYMS.get(part, part) for part in str(word).replace("_", " ").lower().split())
    return text[:1].upper() + text[1:]


def rule(name: str, detector: str, title: str) -> str:
    """What a rule is called: its detector's title, and its own name where it is not the detector's."""
    called = title or sentence(detector)
    return called if name == detector else f"{called} ({name})"


_ACRONYMS = {
    "ev": "EV",
    "evse": "EVSE",
    "csms": "CSMS",
    "tx": "transaction",
    "auth": "authorisation",
    "comm": "communication",
    "id": "id",
    "rfid": "RFID",
    "kpi": "KPI",
}


_LENGTHS = {"_ns": 1, "_ms": 1_000_000, "_s": SECOND_NS}


def value(name: str, held: Any, now_ns: int) -> str:
    """A value of the System page, read by the unit that its name ends in (``lag_s``, ``written_bytes``, ``seen_at_ns``)."""
    if held is None or held == "":
        return UNKNOWN
    if isinstance(held, bool):
        return "yes" if held else "no"
    if not isinstance(held, int | float):
        return str(held)
    if name.endswith("_at_ns"):
        return ago(int(held), now_ns)
    for ending, factor in _LENGTHS.items():
        if name.endswith(ending):
            return span(int(held * factor))
    if name.endswith("_bytes") or name.startswith("bytes_"):
        return size(held)
    if name.endswith("_ratio"):
        return percent(held)
    return number(held, 0 if isinstance(held, int) else 2)


_UNITS = ("_at_ns", "_ns", "_ms", "_s", "_bytes", "_ratio")


def label(name: str) -> str:
    """``dropped_bytes`` → ``Dropped``: the unit stands beside the value."""
    for ending in _UNITS:
        if name.endswith(ending) and ending != name:
            name = name.removesuffix(ending)
            break
    return sentence(name)
