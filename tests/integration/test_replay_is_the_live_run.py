"""Replaying a journal gives what the live run gave: sessions, flags and alerts, field by field, id by id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.deployment import Deployment, until

from nocwatch.journal.inspect import stat

SESSION = (
    "station", "evse", "connector", "transaction", "started_at", "stopped_at", "energy_wh", "meter_start_wh", "meter_stop_wh",
    "outcome", "reason", "blame", "start_source", "start_confidence", "milestones", "late",
)  # fmt: skip
FLAG = (
    "rule",
    "severity",
    "station",
    "connector",
    "session",
    "subject",
    "state",
    "summary",
    "evidence",
    "at",
)
ALERT = ("state", "group", "receivers", "flags", "at")


def last_lines(results: list[dict[str, Any]], kind: str, fields: tuple[str, ...]) -> dict[str, Any]:
    """The last line of each id counts."""
    return {each["id"]: {name: each[name] for name in fields} for each in results if each["kind"] == kind}


def items(page: list[dict[str, Any]], fields: tuple[str, ...]) -> dict[str, Any]:
    return {each["id"]: {name: each[name] for name in fields} for each in page}


def differences(live: dict[str, Any], replayed: dict[str, Any]) -> list[str]:
    """What is not the same, one line each, so that a failure can be read."""
    told = [f"{each} only live: {live[each]}" for each in live.keys() - replayed.keys()]
    told += [f"{each} only replayed: {replayed[each]}" for each in replayed.keys() - live.keys()]
    for each in live.keys() & replayed.keys():
        told += [
            f"{each} {name}: live {value!r}, replayed {replayed[each][name]!r}"
            for name, value in live[each].items()
            if value != replayed[each][name]
        ]
    return told


async def test_a_replay_of_the_demos_journal_gives_what_the_live_run_gave(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    try:
        await deployment.csms()
        await deployment.relay()
        await deployment.watch()
        deployment.stations(24, "demo", speed=10)

        async def flagged() -> bool:
            return (
                len({each["rule"] for each in await deployment.all("flags")}) >= 3
                and len(await deployment.all("alerts")) >= 3
            )

        await until(flagged, "flags of three rules", 90)
        await deployment.stop("stations")
        await deployment.stop("relay")
        newest_s = max(lane.newest_ns or 0 for lane in stat(deployment.data / "journal")) / 1e9

        async def all_read() -> bool:
            return (await deployment.own_metrics())[
                "nocwatch_watch_read_timestamp_seconds"
            ] >= newest_s - 1e-6

        await until(all_read, "the watch reads the journal to its end")
        replayed = deployment.replayed()
        assert not differences(
            items(await deployment.all("sessions"), SESSION), last_lines(replayed, "session", SESSION)
        )
        assert not differences(items(await deployment.all("flags"), FLAG), last_lines(replayed, "flag", FLAG))
        assert not differences(
            items(await deployment.all("alerts"), ALERT), last_lines(replayed, "alert", ALERT)
        )
        again = deployment.replayed()
        assert again == replayed, "and a second replay is the same to the letter"
    finally:
        deployment.end()
