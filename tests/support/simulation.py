"""A simulated network for tests: a CSMS and a fleet on loopback, and the schemas that their messages are held against."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import lru_cache
from importlib import resources
from typing import Any

import trio
from jsonschema import Draft4Validator, Draft6Validator

from nocwatch.sim.backoffice import BackOffice
from nocwatch.sim.csms import Observed, SimCsms
from nocwatch.sim.fleet import Fleet
from nocwatch.sim.scenario import Scenario, load


@asynccontextmanager
async def network(
    scenario: Scenario | str,
    *,
    speed: float = 60.0,
    seed: int = 0,
    fail_after_s: float = 40.0,
    orders: bool = True,
    **csms: Any,
) -> AsyncIterator[tuple[SimCsms, Fleet]]:
    """CSMS and fleet of a scenario, running; over when the block is, or failing after ``fail_after_s`` real seconds."""
    loaded = load(scenario) if isinstance(scenario, str) else scenario
    settings = loaded.csms.model_copy(update={"speed": speed, "seed": seed, **csms})
    with trio.fail_after(fail_after_s):
        server = SimCsms(settings)
        async with trio.open_nursery() as nursery:
            port = await nursery.start(server.serve)
            if orders:
                nursery.start_soon(BackOffice(server).run)
            fleet = Fleet(f"ws://127.0.0.1:{port}/ocpp", loaded, speed=speed, seed=seed)
            nursery.start_soon(fleet.run)
            yield server, fleet
            assert fleet.crashes == 0
            assert server.counters["crashed"] == 0
            nursery.cancel_scope.cancel()


def scenario(**fields: Any) -> Scenario:
    """A scenario written in a test."""
    return Scenario.model_validate({"scenario": "test", **fields})


def calls(csms: SimCsms, station: str, action: str) -> list[Observed]:
    """The station's calls of that action so far."""
    return [o for o in csms.observed if o.station == station and o.action == action and not o.outgoing]


async def heard(csms: SimCsms, station: str, action: str, *, count: int = 1, **fields: Any) -> Observed:
    """The ``count``-th call of the station with these fields in its payload."""

    def wanted(o: Observed) -> bool:
        return (
            o.station == station
            and o.action == action
            and not o.outgoing
            and all(o.payload.get(name) == value for name, value in fields.items())
        )

    return await csms.wait_for(wanted, count=count)


async def until(condition: Callable[[], object]) -> None:
    """Once that holds; the network's time limit ends a wait that is in vain."""
    while not condition():
        await trio.sleep(0.01)


async def told(fleet: Fleet, station: str, *, count: int = 1) -> list[Any]:
    """The station's truths, once there are that many."""
    await until(lambda: len(fleet.stations[station].truths) >= count)
    return list(fleet.stations[station].truths)


@lru_cache(maxsize=512)
def schema(version: str, action: str, *, answer: bool) -> dict[str, Any]:
    folder = {"1.6": "v16", "2.1": "v21"}.get(version, "v201")
    suffix = "Response" if answer else "" if version == "1.6" else "Request"
    text = (resources.files("ocpp") / folder / "schemas" / f"{action}{suffix}.json").read_text(
        encoding="utf-8-sig"
    )
    return json.loads(text, parse_float=Decimal)  # type: ignore[no-any-return]


def violations(version: str, action: str, payload: object, *, answer: bool) -> list[str]:
    """What the schema has to say; a float is a Decimal, else 0.1 would be no multiple of 0.1."""
    exact = json.loads(json.dumps(payload), parse_float=Decimal)
    validator = (Draft4Validator if version == "1.6" else Draft6Validator)(
        schema(version, action, answer=answer)
    )
    return [
        f"{action} {'answer ' if answer else ''}{error.json_path}: {error.message}"
        for error in validator.iter_errors(exact)
    ]


def all_violations(observed: Iterator[Observed] | list[Observed], versions: dict[str, str]) -> list[str]:
    """Of every call and every answer that was seen."""
    actions: dict[tuple[str, bool, str], str] = {}
    found = []
    for each in observed:
        version = versions[each.station]
        match each.message:
            case [2, str() as number, str() as action, dict() as payload]:
                actions[each.station, each.outgoing, number] = action
                found += violations(version, action, payload, answer=False)
            case [3, str() as number, dict() as payload]:
                action = actions[each.station, not each.outgoing, number]
                found += violations(version, action, payload, answer=True)
            case [4, *_]:
                pass
            case _:
                found.append(f"no OCPP: {each.text}")
    return found


def smallest(node: dict[str, Any], root: dict[str, Any] | None = None) -> Any:
    """The smallest instance that a schema allows: what a terse peer would send."""
    root = root or node
    if "$ref" in node:
        return smallest(root["definitions"][node["$ref"].rsplit("/", 1)[-1]], root)
    if "enum" in node:
        return node["enum"][0]
    match node.get("type"):
        case "object":
            return {name: smallest(node["properties"][name], root) for name in node.get("required", [])}
        case "array":
            return [smallest(node["items"], root)] * int(node.get("minItems", 1))
        case "integer" | "number":
            return 1
        case "boolean":
            return True
        case _:
            return {"date-time": "2026-11-21T10:00:00.000Z", "uri": "https://firmware.example/x"}.get(
                node.get("format", ""), "x"
            )
