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
