"""An operator saves a rule, and it holds; saves a mistake, and the former rules stay in force."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.support.deployment import REPOSITORY, Deployment, until


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    (tmp_path / "rules").mkdir()
    shutil.copy(REPOSITORY / "rules" / "faulted.yaml", tmp_path / "rules")
    made = Deployment(tmp_path, f"rules={tmp_path / 'rules'}")
    yield made
    made.end()


TRACE = REPOSITORY / "tests" / "trace" / "foreign" / "csms_log_16_raw.jsonl"
"""Another recorder's: two charges of HH-0017, one of them a success with 21.6 kWh."""


async def rules(deployment: Deployment) -> str:
    async with httpx2.AsyncClient(timeout=5) as client:
        return (await client.get(deployment.console("/rules"))).text


async def remarks(deployment: Deployment) -> list[str]:
    async with httpx2.AsyncClient(timeout=5) as client:
        return list((await client.get(deployment.metrics("/readyz"))).json()["remarks"])


async def test_a_saved_rule_holds_without_a_restart_and_a_mistake_changes_nothing(
    deployment: Deployment,
) -> None:
    await deployment.watch()
    folder = deployment.folder / "rules"
    assert "my_flapping" not in await rules(deployment)
    (folder / "mine.yaml").write_text(
        "rule: my_flapping\ndetector: flapping\nsettings: {reconnects_min: 3}\n"
    )

    async def told() -> bool:
        return "my_flapping" in await rules(deployment)

    await until(told, "the rule shows")
    (folder / "mine.yaml").write_text("rule: my_flapping\ndetector: flaping\n")

    async def complained() -> bool:
        return any("mine.yaml:2:detector" in remark for remark in await remarks(deployment))

    await until(complained, "the mistake is told with its place")
    assert "faulted" in await rules(deployment)
    (folder / "mine.yaml").unlink()

    async def calm() -> bool:
        return not any("mine.yaml" in remark for remark in await remarks(deployment))

    await until(calm, "the mistake is gone")
    assert "my_flapping" not in await rules(deployment)


async def test_a_folder_of_rules_that_is_put_in_anothers_place_is_followed(deployment: Deployment) -> None:
    """As a deployment by rename does it: the folder that was watched is gone, and its notices with it."""
    await deployment.watch()
    folder, fresh = deployment.folder / "rules", deployment.folder / "fresh"
    fresh.mkdir()
    (fresh / "mine.yaml").write_text("rule: my_flapping\ndetector: flapping\n")
    folder.rename(deployment.folder / "former")
    fresh.rename(folder)

    async def told() -> bool:
        return "my_flapping" in await rules(deployment)

    await until(told, "the rules of the new folder hold")
    (folder / "more.yaml").write_text("rule: my_faulted\ndetector: faulted\n")

    async def told_more() -> bool:
        return "my_faulted" in await rules(deployment)

    await until(told_more, "the new folder is followed")


async def test_a_registry_is_taken_over_when_it_is_saved_and_a_mistake_leaves_the_former_one(
    tmp_path: Path,
) -> None:
    """Names, a price for what was charged long ago, and a driver: all of it holds at once, or the place of the mistake is told."""
    folder = tmp_path / "registry"
    folder.mkdir()
    file = folder / "depot.yaml"
    file.write_text("sites: []\n")
    deployment = Deployment(tmp_path, f"registry={folder}")
    made = deployment.nocwatch("trace", "import", str(TRACE), "--data", str(deployment.data))
    assert made.returncode == 0, made.stderr
    try:
        await deployment.watch()
        (session,) = await deployment.all("sessions", "&station=HH-0017&outcome=success")

        async def named(name: str) -> bool:
            station = await deployment.api("stations/HH-0017")
            return bool((station["name"] or "") == name)

        async def price() -> str | None:
            bill = (await deployment.api(f"sessions/{session['id']}/estimate"))["price"]
            return None if bill is None else str(bill["total"])

        assert await named("")
        assert await price() is None
        right = (
            "sites: [{id: harbour, name: Harbour}]\n"
            "tariffs: [{id: day, per_kwh: 0.50}]\n"
            "stations:\n"
            "  - {id: HH-0017, name: Quay 17, vendor: Harbour Works, site: harbour, tariff: day}\n"
        )
        file.write_text(right)
        await until(lambda: named("Quay 17"), "the station has its name")
        assert await price() == "10.80"
        # The boot names another vendor: the operator knows better, and is asked for by that name.
        (its,) = await deployment.all("stations", "&vendor=Harbour%20Works")
        assert (its["id"], its["vendor"]) == ("HH-0017", "Harbour Works")

        file.write_text(right.replace("site: harbour", "site: harbor"))

        async def complained() -> bool:
            return any("depot.yaml:4:stations.0.site" in remark for remark in await remarks(deployment))

        await until(complained, "the mistake is told with file, line and key")
        assert await named("Quay 17")
        assert await price() == "10.80"
        file.write_text(right.replace("Quay 17", "Quay 18"))
        await until(lambda: named("Quay 18"), "what was mended is taken over")
        assert not await complained()
    finally:
        deployment.end()


async def test_a_calendar_beside_a_registry_of_one_file_is_taken_over_when_it_is_saved(
    tmp_path: Path,
) -> None:
    calendar, registry = tmp_path / "works.ics", tmp_path / "registry.yaml"
    night = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261121T220000Z\nDTEND:20261122T040000Z\nEND:VEVENT\nEND:VCALENDAR\n"
    calendar.write_text(night)
    registry.write_text(
        "stations: [{id: CP1}]\nmaintenance: [{scope: {station: CP1}, calendar: works.ics}]\n"
    )
    deployment = Deployment(tmp_path, f"registry={registry}")
    try:
        await deployment.watch()
        assert await remarks(deployment) == []
        calendar.write_text(night.replace("DTEND:20261122", "DTEND:20261199"))

        async def complained() -> bool:
            return any("works.ics:4" in remark for remark in await remarks(deployment))

        await until(complained, "the mistake in the calendar is told with its line")
        calendar.write_text(night)

        async def calm() -> bool:
            return not await complained()

        await until(calm, "the mended calendar is taken over")
    finally:
        deployment.end()
