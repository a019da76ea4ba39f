"""Sums of days as the API tells them: durations in seconds, ratios from pooled sums. Pure."""

from __future__ import annotations

from typing import Any

from nocwatch.moments import rfc3339
from nocwatch.store.values import DayKpi


def day(sums: DayKpi) -> dict[str, Any]:
    return {
        "from": rfc3339(sums.from_ns),
        "until": rfc3339(sums.until_ns),
        "sessions": sums.sessions,
        "success": sums.success,
        "failed": sums.failed,
        "cancelled": sums.cancelled,
        "rejected": sums.rejected,
        "ongoing": sums.ongoing,
        "energy_wh": sums.energy_wh,
        "charging_s": sums.charging_ns / 1e9,
        "occupied_s": sums.occupied_ns / 1e9,
        "down_s": sums.down_ns / 1e9,
        "known_s": sums.known_ns / 1e9,
        "success_rate": sums.success_rate,
        "utilisation": sums.utilisation,
        "availability": sums.availability,
    }


def total(days: list[DayKpi]) -> dict[str, Any]:
    """All days as one: sums are pooled, ratios are never averaged."""
    if not days:
        return {}
    fields = (
        "sessions",
        "success",
        "failed",
        "cancelled",
        "rejected",
        "ongoing",
        "energy_wh",
        "charging_ns",
        "occupied_ns",
        "down_ns",
        "known_ns",
    )
    return day(
        DayKpi(
            from_ns=days[0].from_ns,
            until_ns=days[-1].until_ns,
            **{name: sum(getattr(day, name) for day in days) for name in fields},
        )
    )
