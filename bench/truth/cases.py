"""What is played: one case for each quirk and fault alone, and one in which each station has its own mixture of them.

A case makes a scenario of a version, of so many stations, from a seed. Times are those of life: nothing is scaled.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, get_args

from nocwatch.sim.incidents import VERBS, Wire
from nocwatch.sim.population import QUIRKS, Failure
from nocwatch.sim.scenario import Scenario

VERSIONS = ("1.6", "2.0.1", "2.1")
HARDWARE = {
    "1.6": ("hpc150", "dc50", "ac22duo", "ac22", "ac11"),
    "2.0.1": ("hpc150", "hpc300", "ac22duo", "ac11"),
    "2.1": ("hpc150", "hpc300", "ac22duo", "ac11"),
}
STATIONS = 12
"""Of one world: enough for an hour of virtual time to give a hundred sessions."""
MIXTURE = "mixture"
Json = dict[str, Any]

STREET: Json = {
    "first_within": "60s",
    "gap": {"min": "20s", "max": "3m"},
    "charge": {"min": "60s", "max": "9m"},
    "linger": {"min": "5s", "max": "40s"},
    "starts": {"rfid": 5, "plug_first": 3, "app": 3, "plug_and_charge": 1, "free": 1},
    "suspended": 0.15,
}
"""A busy street: sessions are short, so that there are many of them."""


@dataclass(frozen=True)
class Case:
    """One thing that is played alone.

    Attributes:
        quirks: lasting ones of each station.
        failures: of visits, name → share.
        steps: of each station: step without station and time, and how often it comes, in seconds.
        faults: of the CSMS; ``orders`` are its timed steps, as with ``steps``.
        versions: those in which it can happen.
    """

    name: str
    quirks: tuple[str, ...] = ()
    failures: tuple[tuple[str, float], ...] = ()
    steps: tuple[tuple[Json, float], ...] = ()
    faults: tuple[Json, ...] = ()
    orders: tuple[tuple[Json, float], ...] = ()
    csms: tuple[tuple[str, Any], ...] = ()
    versions: tuple[str, ...] = VERSIONS


_ONLY = {
    "v16_on_201": ("1.6",),
    "probes_16_first": ("2.0.1", "2.1"),
    "iso15118": ("2.0.1", "2.1"),
    "payment_terminal": ("2.1",),
    "wordy": ("1.6",),
}
_SHARE = 0.3
"""Of visits that fail in a case about that failure."""


def _lasting() -> list[Case]:
    found = []
    for name in QUIRKS:
        more: Json = {"versions": _ONLY.get(name, VERSIONS)}
        if name == "retries_stop_for_ever":
            more["faults"] = ({"action": STOP, "error": "InternalError", "share": 0.6},)
        if name == "no_boot_on_reconnect":
            more["steps"] = (({"reboot": {"reason": "HardReset"}}, 900.0),)
        if name == "loops_on_early_call":
            more["steps"] = (({"offline": {"lasting": "30s", "reboot": True}}, 700.0),)
            more["csms"] = (("asks_early", 0.6),)
        if name == "register_per_boot":
            more["steps"] = (
                ({"reboot": {"reason": "PowerLoss"}}, 1500.0),
                ({"offline": {"lasting": "40s", "reboot": True}}, 700.0),
            )
        found.append(Case(f"quirk {name}", quirks=(name,), **more))
    return found


STOP = "(stop)"
START = "(start)"
"""In the place of an action: StartTransaction, or TransactionEvent in 2.x. What comes of it is the same by the rules."""


def _wires() -> list[Case]:
    kinds = get_args(Wire.model_fields["kind"].annotation)
    return [Case(f"wire {kind}", steps=(({"wire": {"kind": kind}}, 240.0),)) for kind in kinds]


def _failures() -> list[Case]:
    return [Case(f"failure {name}", failures=((name, _SHARE),)) for name in get_args(Failure)]


_STEPS: tuple[tuple[str, Json, float], ...] = (
    ("zero_energy", {"zero_energy": {}}, 600.0),
    ("lost_stop", {"lost_stop": {}}, 600.0),
    ("register_rollback", {"register_rollback": {}}, 600.0),
    ("odd_meter dip", {"odd_meter": {"kind": "dip"}}, 600.0),
    ("odd_meter minus_one", {"odd_meter": {"kind": "minus_one"}}, 600.0),
    ("offline", {"offline": {"lasting": "4m"}}, 700.0),
    ("offline short", {"offline": {"lasting": "20s"}}, 300.0),
    ("offline long", {"offline": {"lasting": "50m"}}, 6000.0),
    ("offline reboot", {"offline": {"lasting": "3m", "reboot": True}}, 700.0),
    ("hang up", {"offline": {"lasting": "30s", "abruptly": False}}, 400.0),
    ("flap", {"flap": {}}, 900.0),
    ("flap reboot", {"flap": {"reboot": True}}, 900.0),
    ("silent_boot", {"silent_boot": {}}, 900.0),
    ("faulted", {"faulted": {}}, 900.0),
    ("faulted hot", {"faulted": {"error_code": "HighTemperature", "lasting": "90s"}}, 700.0),
    ("faulted NoError", {"faulted": {"error_code": "NoError", "lasting": "90s"}}, 700.0),
    ("faulted outside the enum", {"faulted": {"error_code": "Mode3Error", "info": "null", "vendor_error": "0x0000", "status": "Available"}}, 400.0),
    ("brute_force", {"brute_force": {}}, 900.0),
    ("ignore_remote_start", {"ignore_remote_start": {}}, 900.0),
    ("reboot PowerLoss", {"reboot": {"reason": "PowerLoss"}}, 900.0),
    ("reboot Reboot", {"reboot": {"reason": "Reboot"}}, 900.0),
    ("reboot HardReset", {"reboot": {"reason": "HardReset"}}, 900.0),
    ("reboot SoftReset", {"reboot": {"reason": "SoftReset"}}, 900.0),
    ("late values", {"visit": {"late_values": True}}, 500.0),
    ("power loss stop", {"visit": {"stop": "PowerLoss"}}, 500.0),
    ("other stop", {"visit": {"stop": "Other"}}, 500.0),
)  # fmt: skip

_FAULTS: tuple[tuple[str, Json], ...] = (
    ("authorize slow", {"action": "Authorize", "delay": "12s", "share": 0.4}),
    ("authorize too slow", {"action": "Authorize", "delay": "45s", "share": 0.4}),
    ("authorize silent", {"action": "Authorize", "silent": True, "share": 0.3}),
    ("authorize error", {"action": "Authorize", "error": "InternalError", "share": 0.3}),
    ("start slow", {"action": START, "delay": "12s", "share": 0.3}),
    ("start silent", {"action": START, "silent": True, "share": 0.3}),
    ("start error", {"action": START, "error": "InternalError", "share": 0.3}),
    ("start always silent", {"action": "StartTransaction", "silent": True}),
    ("start id 0", {"action": "StartTransaction", "transaction_id": 0}),
    ("start id -1", {"action": "StartTransaction", "transaction_id": -1}),
    ("start id negative", {"action": "StartTransaction", "transaction_id": -4711}),
    ("start id 2^63-1", {"action": "StartTransaction", "transaction_id": 2**63 - 1}),
    ("start answered under another id", {"action": START, "other_id": True, "share": 0.3}),
    ("stop slow", {"action": STOP, "delay": "40s", "share": 0.3}),
    ("stop silent", {"action": STOP, "silent": True, "share": 0.4}),
    ("stop error", {"action": STOP, "error": "InternalError", "share": 0.4}),
    ("values error", {"action": "MeterValues", "error": "InternalError", "share": 0.5}),
    ("values silent", {"action": "MeterValues", "silent": True, "share": 0.2}),
    ("every answer twice", {"copies": 2}),
    ("answers under another id", {"other_id": True, "share": 0.05}),
    ("handshake refused", {"refuse": 503, "share": 0.7}),
    ("boot silent", {"action": "BootNotification", "silent": True, "share": 0.5}),
)

_ORDERS: tuple[tuple[str, Json, float], ...] = (
    ("reset soft", {"reset": "Soft"}, 700.0),
    ("reset hard", {"reset": "Hard"}, 700.0),
    ("reset and resume", {"reset": "Resume"}, 700.0),
    ("remote stop", {"remote_stop": True}, 300.0),
    ("limit 0", {"limit_w": 0.0}, 900.0),
    ("limit 0 lifted", {"limit_w": 50_000.0}, 700.0),
    ("remote start to nobody", {"remote_start": "APP99000001"}, 400.0),
    ("trigger boot", {"trigger": "BootNotification"}, 300.0),
    ("trigger values", {"trigger": "MeterValues"}, 120.0),
    ("csms closes", {"close": 1001}, 400.0),
    ("priority", {"priority": True}, 200.0),
)

_SIXTEEN = ("1.6",)


def _all() -> dict[str, Case]:
    cases = [Case("ordinary"), *_lasting(), *_wires(), *_failures()]
    cases += [Case(f"step {name}", steps=((step, every),)) for name, step, every in _STEPS]
    cases += [
        Case(f"csms {name}", faults=(fault,), versions=_SIXTEEN if fault.get("action") == "StartTransaction" else VERSIONS)
        for name, fault in _FAULTS
    ]  # fmt: skip
    orders = {name: (order, every) for name, order, every in _ORDERS}
    lifted = orders.pop("limit 0 lifted")
    cases += [
        Case(
            f"order {name}",
            orders=(order, lifted) if name == "limit 0" else (order,),
            versions=("2.1",) if name == "priority" else VERSIONS,
        )
        for name, order in orders.items()
    ]
    prices = ({"per_kwh": 0.49, "every": "60s"},)
    cases.append(Case("csms prices", csms=(("prices", prices),), versions=("2.0.1", "2.1")))
    return {case.name: case for case in cases}


CASES = _all()


def cases_of(version: str) -> list[str]:
    """Names of the cases that this version can have."""
    return [name for name, case in CASES.items() if version in case.versions]


def scenario(name: str, version: str, seed: int) -> Scenario:
    """The world of a case."""
    rng = random.Random(f"{name}/{version}/{seed}")
    stations, lives, steps, faults, orders = [], {}, [], [], []
    csms: Json = {"heartbeat_interval": "1h", "ping_every": None, "chores_every": None}
    for index in range(STATIONS):
        case = _mixed(rng, version, index) if name == MIXTURE else CASES[name]
        station = f"{'M' if name == MIXTURE else 'S'}{index:02d}"
        lives[station] = {**STREET, "failures": dict(case.failures)}
        hardware = rng.choice(HARDWARE[version])
        stations.append(
            {
                "id": station,
                "hardware": hardware,
                "version": version,
                "life": station,
                "quirks": list(case.quirks),
                "start_after": f"{rng.randrange(10_000)}ms",
                "meter_interval": rng.choice(("20s", "60s", "60s", "2m")),
            }
        )
        steps += [_timed(rng, station, step, every) for step, every in case.steps]
        orders += [_timed(rng, station, order, every) for order, every in case.orders]
        faults += [{"station": station, **_by_version(fault, version)} for fault in case.faults]
        csms |= dict(case.csms)
    if name == MIXTURE:
        csms["chores_every"] = "5m"
    return Scenario.model_validate(
        {
            "scenario": name.replace(" ", "_"),
            "stations": stations,
            "lives": lives,
            "steps": steps,
            "csms": {**csms, "faults": faults, "steps": orders, "seed": seed},
        }
    )


def _timed(rng: random.Random, station: str, step: Json, every_s: float) -> Json:
    verb, what = next(iter(step.items()))
    if (
        isinstance(what, dict)
        and verb in VERBS
        and verb not in ("life", "reboot", "offline", "flap", "silent_boot", "brute_force")
    ):
        what = {**what, "connector": 1}
    return {
        verb: what,
        "station": station,
        "at": f"{rng.uniform(30.0, every_s):.0f}s",
        "every": f"{every_s * rng.uniform(0.8, 1.3):.0f}s",
    }  # fmt: skip


def _by_version(fault: Json, version: str) -> Json:
    action = fault.get("action", "*")
    if action in (START, STOP):
        names = {START: "StartTransaction", STOP: "StopTransaction"}
        action = names[action] if version == "1.6" else "TransactionEvent"
    return {**fault, "action": action}


def _mixed(rng: random.Random, version: str, index: int) -> Case:
    """Several cases in one station: what they are about falls together as it may."""
    chosen = [CASES[each] for each in rng.sample(cases_of(version), rng.choice((1, 2, 3, 4)))]
    quirks = list(dict.fromkeys(quirk for case in chosen for quirk in case.quirks))
    for one, other in _NOT_TOGETHER:
        if one in quirks and other in quirks:
            quirks.remove(other)
    return Case(
        f"{MIXTURE} {index}",
        quirks=tuple(quirks),
        failures=tuple((failure, share / 2) for case in chosen for failure, share in case.failures),
        steps=tuple(step for case in chosen for step in case.steps),
        faults=tuple(fault for case in chosen for fault in case.faults),
        orders=tuple(order for case in chosen for order in case.orders),
    )


_NOT_TOGETHER = (
    # A clock has one error, and one way to write its times.
    ("clock_1970", "clock_local_as_z"),
    ("clock_1970", "clock_year_1"),
    ("clock_local_as_z", "clock_year_1"),
    ("offset_02", "offset_0200"),
    # A number has one unit. One without any counts as Wh, so kWh beside it would be wrong in the station, and nothing would tell.
    ("kwh", "kwh_labelled_wh"),
    ("kwh", "no_unit"),
    ("kwh", "bare_values"),
    # A bare number has room for neither phase nor place.
    ("phases_only", "bare_values"),
    ("inlet_too", "bare_values"),
    # Each phase's register would wrap by itself: the simulator's meter has one display that does.
    ("phases_only", "register_wraps"),
    ("phases_only", "register_signed"),
    # A register has one top, and one height from which it begins.
    ("register_32_bit", "register_wraps"),
    ("register_32_bit", "register_signed"),
    ("register_32_bit", "register_per_boot"),
    ("register_wraps", "register_signed"),
    # What counts from the session's start has no boot to count from: after one its numbers are below 0, and no frame says of what.
    ("register_per_boot", "samples_relative"),
    ("register_per_boot", "ends_relative"),
    # A register that begins anew with a boot of which nothing is told, or mislabelled samples of a young one: no frame shows what flowed.
    ("register_per_boot", "no_boot_on_reconnect"),
    ("kwh_labelled_wh", "register_per_boot"),
    ("kwh_labelled_wh", "register_per_session"),
    # The unit of such samples is known by the start, whose thousandth they are: beside one that counts from elsewhere, or wraps, they are not.
    ("kwh_labelled_wh", "samples_relative"),
    ("kwh_labelled_wh", "ends_relative"),
    ("kwh_labelled_wh", "register_wraps"),
    ("kwh_labelled_wh", "register_signed"),
    # A small number may be a young register's, or count from the session's start: without a stop nobody can tell.
    ("samples_relative", "register_wraps"),
    ("ends_relative", "register_wraps"),
    # The same for the register that passes 2^32: a stop that counts from the session's start is where one that has wrapped would be.
    ("register_32_bit", "ends_relative"),
    # Both are said in the handshake: one offers a subprotocol, the other none.
    ("v16_on_201", "no_subprotocol"),
)
