"""How detectors say things: one way to write a time, a span, an energy, a connector; and the keys made of them."""

from __future__ import annotations

from nocwatch.moments import HOUR_NS, MINUTE_NS, SECOND_NS, rfc3339
from nocwatch.registry.places import Place


def moment(at_ns: int) -> str:
    """``2026-11-21 10:02:11 UTC``."""
    return f"{rfc3339(at_ns)[:19].replace('T', ' ')} UTC"


def span(span_ns: int) -> str:
    """``8 s``, ``3 min 20 s``, ``15 min``, ``2 h 5 min``, ``3 d 4 h``: two units at most."""
    if span_ns < MINUTE_NS:
        return f"{span_ns / SECOND_NS:.0f} s" if span_ns >= 10 * SECOND_NS else f"{span_ns / SECOND_NS:g} s"
    minutes, rest = divmod(span_ns, MINUTE_NS)
    if minutes < 60:
        return _two(minutes, "min", rest // SECOND_NS, "s")
    hours, rest = divmod(span_ns, HOUR_NS)
    if hours < 48:
        return _two(hours, "h", rest // MINUTE_NS, "min")
    return _two(hours // 24, "d", hours % 24, "h")


def energy(energy_wh: float) -> str:
    """``0 Wh``, ``430 Wh``, ``12.3 kWh``."""
    return f"{energy_wh:.0f} Wh" if abs(energy_wh) < 1000 else f"{energy_wh / 1000:,.1f} kWh"


def register(register_wh: float) -> str:
    """``28785597 Wh``: as a meter says it, ungrouped, so that it can be copied into a bill."""
    return f"{register_wh:.12g} Wh"


def named(place: Place) -> str:
    """``Hafen 6 (CP-HAF-006)``: by which people and systems know a station."""
    return f"{place.name} ({place.station})" if place.name and place.name != place.station else place.station


def socket(evse: int | None, connector: int | None) -> str:
    """``connector 2``, ``EVSE 1 connector 2``, ``the station itself``."""
    if evse is None:
        return "the station itself" if not connector else f"connector {connector}"
    if evse == 0:
        return "the station itself"
    return f"EVSE {evse}" if connector is None else f"EVSE {evse} connector {connector}"


def socket_key(station: str, evse: int | None, connector: int | None) -> str:
    """Names a connector within a rule; ``-`` where a part is not known."""
    return f"{station}/{_part(evse)}/{_part(connector)}"


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def count(number: int, one: str, many: str = "") -> str:
    """``1 station``, ``3 stations``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def _part(number: int | None) -> str:
    return "-" if number is None else str(number)


def _two(big: int, big_unit: str, small: int, small_unit: str) -> str:
    return f"{big} {big_unit} {small} {small_unit}" if small else f"{big} {big_unit}"
