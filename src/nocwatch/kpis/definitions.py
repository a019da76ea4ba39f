"""The key figures: name, unit, what is divided by what, in words, and whose definition it is. Data alone; docs/kpis.md says the same.

Counters are columns of the store's hourly sums, and ``known_ns`` and the ``closed_`` ones that follow from them and the registry. A
minus before a name takes it off.
"""

from __future__ import annotations

import msgspec

CHARGEX = "ChargeX Consortium, INL, doi 10.2172/2513383"
COMMON = "common use"


class Kpi(msgspec.Struct, frozen=True, kw_only=True):
    """One key figure that is a ratio of sums.

    Attributes:
        unit: ``%`` of a share, else what the value is in.
        numerator, denominator: counters; each is the sum of its names.
        scale: the value is numerator / denominator * scale.
        tries: whether the denominator counts tries, so that a Wilson interval can be told.
        mark: the value that the source asks for, None where it asks for none.
    """

    name: str
    title: str
    unit: str
    numerator: tuple[str, ...]
    denominator: tuple[str, ...]
    text: str
    source: str
    scale: float = 1.0
    tries: bool = False
    mark: float | None = None


OPEN_TIME = ("known_ns", "-closed_ns")
"""Known time but the site's closed hours, where the registry tells its opening hours."""

KPIS = (
    Kpi(
        name="charge_start_success",
        title="Charge start success",
        unit="%",
        numerator=("delivered",),
        denominator=("attempts",),
        tries=True,
        text="Attempts in which power flowed, of all attempts that are over; an authorisation that led to nothing is one.",
        source=CHARGEX,
    ),
    Kpi(
        name="charge_end_success",
        title="Charge end success",
        unit="%",
        numerator=("valid_stops",),
        denominator=("delivered",),
        tries=True,
        text="Of the attempts in which power flowed, those that were stopped as they should.",
        source=CHARGEX,
    ),
    Kpi(
        name="session_success",
        title="Session success",
        unit="%",
        numerator=("valid_stops",),
        denominator=("attempts",),
        tries=True,
        text="Attempts in which power flowed and that were stopped as they should, of all attempts that are over.",
        source=CHARGEX,
    ),
    Kpi(
        name="charger_start_success",
        title="Charge start success, charger level",
        unit="%",
        numerator=("delivered",),
        denominator=("attempts", "-refused"),
        tries=True,
        mark=0.95,
        text="As charge start success, without those who were refused before power flowed: what the chargers can do something about.",
        source="charger-level dashboards in common use; 95 % line",
    ),
    Kpi(
        name="success_rate",
        title="Success rate",
        unit="%",
        numerator=("success",),
        denominator=("success", "failed"),
        tries=True,
        text="Sessions with at least 0.1 kWh and a valid stop, of these and the failed; cancelled and refused ones count on no side.",
        source="nocwatch, docs/sessions.md",
    ),
    Kpi(
        name="utilisation_occupied",
        title="Utilisation, occupied",
        unit="%",
        numerator=("occupied_ns", "-closed_occupied_ns"),
        denominator=OPEN_TIME,
        text="Connector time with a vehicle, of the site's open time of which anything is known.",
        source="Atlas Public Policy, charging use",
    ),
    Kpi(
        name="utilisation_charging",
        title="Utilisation, charging",
        unit="%",
        numerator=("charging_ns", "-closed_charging_ns"),
        denominator=OPEN_TIME,
        text="Connector time with status Charging, of the same time.",
        source="Atlas Public Policy, charging use",
    ),
    Kpi(
        name="utilisation_idle",
        title="Utilisation, idle",
        unit="%",
        numerator=("occupied_ns", "-closed_occupied_ns", "-charging_ns", "closed_charging_ns"),
        denominator=OPEN_TIME,
        text="Occupied and not charging: the difference of the two.",
        source="Atlas Public Policy, charging use",
    ),
    Kpi(
        name="energy_per_connector_day",
        title="Energy for each connector and day",
        unit="kWh",
        numerator=("energy_j",),
        denominator=("known_ns",),
        scale=86_400e9 / 3.6e6,
        text="Energy of all sessions, spread evenly over each one's time, by connector days of which anything is known.",
        source="operators' dashboards in common use",
    ),
    Kpi(
        name="availability",
        title="Availability",
        unit="%",
        numerator=("known_ns", "-down_ns"),
        denominator=("known_ns",),
        text="Connector time that was neither Offline, Faulted nor Unavailable. Not the regulators' uptime: that is a report of its own.",
        source=COMMON,
    ),
)
"""Figures that are sums divided by sums, in the order in which they are shown."""

ENERGY_MARKS = ((220.0, "very busy"), (150.0, "busy"), (20.0, "ordinary"), (0.0, "hardly used"))
"""kWh for each charge point and day, above which the word holds."""
TIME_MARKS = ((0.20, "very busy"), (0.15, "busy"), (0.05, "ordinary"), (0.0, "hardly used"))
"""Share of time occupied, above which the word holds."""


def benchmark(name: str, value: float | None) -> str:
    """How busy that is, for the figures that have such marks; empty for all others."""
    marks = {"energy_per_connector_day": ENERGY_MARKS, "utilisation_occupied": TIME_MARKS}.get(name, ())
    if value is None:
        return ""
    return next((word for above, word in marks if value > above), marks[-1][1] if marks else "")


START_QUANTILES = (0.10, 0.25, 0.50, 0.75)
ANSWER_QUANTILES = (0.50, 0.95, 0.99)

LOWER_IS_BETTER = frozenset(
    {
        "utilisation_idle",
        "troubled_visits",
        "failed_visits",
        "mttr",
        *(f"charge_start_time_p{share * 100:.0f}" for share in START_QUANTILES),
        *(f"csms_answer_time_p{share * 100:.0f}" for share in ANSWER_QUANTILES),
    }
)
NEITHER_IS_BETTER = frozenset({"utilisation_occupied", "utilisation_charging", "energy_per_connector_day"})
"""Of use: what is little to one operator is plenty to another, so a change of it is no news of trouble."""

TEXTS = {
    **{kpi.name: kpi.text for kpi in KPIS},
    "charge_start_time": "From the driver's last act (authorised, plugged in) to the first power.",
    "csms_answer_time": "From a station's call to the CSMS's answer.",
    "mttr": "From detected to restored, of the outages that ended in the window.",
    "mtbf": "Time in which ports were not down, by the outages that began in the window.",
    "first_attempt_success": "Visits whose first attempt succeeded; a visit is one driver's attempts at one site within 30 minutes.",
    "troubled_visits": "Visits that succeeded, and not at once.",
    "failed_visits": "Visits in which no attempt succeeded.",
}
"""What each figure is, in a sentence; of times for all of their quantiles."""
