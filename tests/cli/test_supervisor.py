"""``nocwatch run``: what is wrong stops it before it starts; what breaks later never takes the relay along."""

from __future__ import annotations

import os
import signal
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import trio
from tests.support.deployment import Deployment, answers, until

from nocwatch import lifeline
from nocwatch.supervisor import Part, supervise, told


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    (tmp_path / "rules").mkdir()
    made = Deployment(tmp_path, f"rules={tmp_path / 'rules'}")
    yield made
    if (
        "run" in made.running
    ):  # asked, so that it is the supervisor's own way of ending its parts that is tried
        made.running["run"].terminate()
        made.running.pop("run").wait(timeout=60)
    made.end()


def children(deployment: Deployment, word: str) -> list[int]:
    """Processes that ``run`` started, by their command."""
    parent = deployment.running["run"].pid
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                command = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if int(fields[1]) == parent and word.encode() in command:
                found.append(int(folder.name))
    return found


async def run(deployment: Deployment) -> None:
    deployment.start("run", "run", *deployment.options())
    await until(lambda: "console on http" in deployment.log("run"), lambda: deployment.log("run"))


async def test_a_rule_broken_later_keeps_the_watch_down_and_never_the_relay(deployment: Deployment) -> None:
    await run(deployment)
    assert await answers(deployment.status("/healthz"))
    (relay,) = children(deployment, "relay")
    (deployment.folder / "rules" / "broken.yaml").write_text("rule: broken\ndetector: none\n")
    (watch,) = children(deployment, "watch")
    os.kill(watch, signal.SIGKILL)
    await until(lambda: "broken.yaml:2:detector" in deployment.log("run"), "the watch refuses the rule")
    assert children(deployment, "relay") == [relay]
    assert deployment.running["run"].poll() is None
    (deployment.folder / "rules" / "broken.yaml").unlink()
    await until(lambda: answers(deployment.metrics("/healthz")), "the watch is back once the rule is mended")
    assert await deployment.stop("run") == 0
    assert not await answers(deployment.status("/healthz"))


async def test_a_hang_up_reloads_relay_and_watch_and_ends_neither(deployment: Deployment) -> None:
    await run(deployment)
    parts = [*children(deployment, "relay"), *children(deployment, "watch")]
    deployment.running["run"].send_signal(signal.SIGHUP)
    await until(lambda: "configuration taken over" in deployment.log("run"), "the relay reloads")
    await until(lambda: "rules and registry are taken over" in deployment.log("run"), "the watch reloads")
    assert [*children(deployment, "relay"), *children(deployment, "watch")] == parts


async def test_a_broken_rule_is_told_before_anything_is_started(deployment: Deployment) -> None:
    (deployment.folder / "rules" / "broken.yaml").write_text("rule: broken\ndetector: none\n")
    process = deployment.start("run", "run", *deployment.options())
    assert process.wait(timeout=30) == 2
    assert "broken.yaml:2:detector" in deployment.log("run")
    assert not (deployment.data / "journal").exists()


async def test_what_is_kept_is_its_owners_alone(deployment: Deployment) -> None:
    await run(deployment)
    await until((deployment.data / "nocwatch.db").exists, "the store is there")
    open_to_others = [
        str(path)
        for path in deployment.data.rglob("*")
        if stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO)
    ]
    assert open_to_others == []


async def gone(processes: list[int]) -> None:
    await until(
        lambda: not [pid for pid in processes if Path(f"/proc/{pid}").exists()],
        lambda: str([Path(f"/proc/{pid}/cmdline").read_bytes() for pid in processes]),
    )


async def test_a_killed_supervisor_leaves_nobody_behind_who_holds_the_ports(deployment: Deployment) -> None:
    await run(deployment)
    parts = [*children(deployment, "relay"), *children(deployment, "watch")]
    assert len(parts) == 2
    deployment.kill("run")
    await gone(parts)
    assert "the watch has ended" in deployment.log("run")  # as by SIGTERM: store closed, snapshot taken
    deployment.start("run", "run", *deployment.options())
    await until(lambda: answers(deployment.status("/healthz")), lambda: deployment.log("run"))


async def test_a_killed_demo_takes_its_stations_and_its_csms_along(deployment: Deployment) -> None:
    deployment.start("run", "demo", "--stations", "2", *deployment.options())
    await until(
        lambda: "console   http" in deployment.log("run") and len(children(deployment, "stations")) == 1,
        lambda: deployment.log("run"),
    )
    parts = [pid for word in ("csms", "relay", "watch", "stations") for pid in children(deployment, word)]
    assert len(parts) == 4
    deployment.kill("run")
    await gone(parts)


async def test_links_keep_their_grace_when_the_supervisor_is_killed(deployment: Deployment) -> None:
    """The relay ends as by SIGTERM, not as by SIGKILL."""
    deployment.settings.append("relay.grace=10m")
    await deployment.csms()
    await run(deployment)
    deployment.stations(1, "ordinary")

    async def linked() -> bool:
        return "nocwatch_relay_links_open 1" in await metrics(deployment)

    async def draining() -> bool:
        return "nocwatch_relay_draining 1" in await metrics(deployment)

    await until(linked, lambda: deployment.log("run"))
    (relay,) = children(deployment, "relay")
    deployment.kill("run")
    try:
        await until(draining, "the relay takes no more stations")
        assert await linked()
    finally:
        os.kill(relay, signal.SIGKILL)  # it would wait for its link


async def metrics(deployment: Deployment) -> str:
    async with httpx2.AsyncClient(timeout=5) as client:
        return (await client.get(deployment.status("/metrics"))).text


@pytest.mark.parametrize("named", ["", "no number", "-1", "0", "999999999999999999999", "99"])
async def test_a_process_started_alone_takes_nothing_for_a_lifeline(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv(lifeline.VARIABLE, named)
    await deployment.relay()
    assert deployment.running["relay"].poll() is None


class Scarce(Part):
    """A part for whose second process the machine has nothing left."""

    @property
    def command(self) -> list[str]:
        mark = Path(self.arguments[0])
        starts = len(mark.read_text()) if mark.exists() else 0
        mark.write_text("x" * (starts + 1))
        return [sys.executable, "-c", ""] if starts != 1 else ["/nowhere/nocwatch"]


async def test_a_process_that_cannot_be_made_is_tried_again_and_takes_nobody_along(tmp_path: Path) -> None:
    mark = tmp_path / "starts"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervise, [Scarce("watch", (str(mark),))])
        await until(lambda: mark.exists() and len(mark.read_text()) >= 3, "a third start")
        nursery.cancel_scope.cancel()


def test_an_end_is_told_in_words() -> None:
    assert [told(each) for each in (None, 0, 1, -9, -35)] == [
        "not started",
        "exit 0",
        "exit 1",
        "SIGKILL",
        "signal 35",
    ]


async def test_a_port_of_the_console_that_another_holds_keeps_the_watch_waiting_and_never_the_relay(
    deployment: Deployment,
) -> None:
    """Not now (1), and no mistake (2): the watch has its port as soon as the other lets go."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        deployment.ports["console"] = other.getsockname()[1]
        watch = deployment.start("watch", "watch", *deployment.options())
        assert await trio.to_thread.run_sync(watch.wait) == 1
        assert "console.listen" in deployment.log("watch")
        deployment.start("run", "run", *deployment.options())
        await until(
            lambda: "another program listens there" in deployment.log("run"),
            lambda: deployment.log("run"),
            120,
        )
        await until(lambda: answers(deployment.status("/healthz")), lambda: deployment.log("run"), 120)
        (relay,) = children(deployment, "relay")
    await until(lambda: "console on http" in deployment.log("run"), lambda: deployment.log("run"), 120)
    assert children(deployment, "relay") == [relay]
