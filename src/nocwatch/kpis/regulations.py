"""What three regulators call uptime, each by its own text: what counts as down, what is taken off, and what is asked for. Data.

They differ on purpose: a station without a link is down in the United States, and *unknown*, so not held against it, in the
United Kingdom, where on the other hand nothing but closed hours is taken off.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from nocwatch.kpis.ports import DOWN, FAULTS
from nocwatch.moments import DAY_NS, HOUR_NS
from nocwatch.network import ConnectorStatus


class Text(StrEnum):
    """The texts by name."""

    NEVI = "nevi"
    UK = "uk"
    CALIFORNIA = "california"


UTILITY, VEHICLE, WORK, VANDALISM, DISASTER = (
    "utility_outage",
    "vehicle_fault",
    "scheduled_maintenance",
    "vandalism",
    "natural_disaster",
)
CLOSED = "outside_opening_hours"
ALIASES = {
    "grid": UTILITY,
    "grid_loss": UTILITY,
    "grid_outage": UTILITY,
    "power_outage": UTILITY,
    "utility": UTILITY,
    "vehicle": VEHICLE,
    "maintenance": WORK,
    "scheduled_work": WORK,
    "planned_work": WORK,
    "planned_maintenance": WORK,
    "disaster": DISASTER,
    "force_majeure": DISASTER,
}
"""Other words that operators use in their registry for the same cause."""


def cause_of(word: str) -> str:
    """The cause that an operator's word means; a word that no text knows stays as it is, and excludes nothing."""
    plain = word.strip().lower().replace("-", "_").replace(" ", "_")
    return ALIASES.get(plain, plain)


class Regulation(msgspec.Struct, frozen=True, kw_only=True):
    """One text.

    Attributes:
        down: statuses that count as out of service.
        excluded: causes that are taken off; cause → the longest that one such time counts (None: all of it).
        yearly_ns: causes of which only so much is taken off in a calendar year.
        required, strictly: what is asked for, and whether it has to be more than that.
        power_kw_min, current: which ports it speaks of.
        pooled: whether the figure is the network's mean, and not each port's.
    """

    name: str
    title: str
    source: str
    down: frozenset[ConnectorStatus]
    excluded: dict[str, int | None]
    yearly_ns: dict[str, int] = {}
    required: float
    strictly: bool = False
    power_kw_min: float | None = None
    current: str = ""
    pooled: bool = False

    def holds(self, uptime: float | None) -> bool | None:
        """Whether that is enough; None where nothing is known."""
        if uptime is None:
            return None
        return uptime > self.required if self.strictly else uptime >= self.required


NEVI = Regulation(
    name="nevi",
    title="NEVI: average annual uptime of each charging port",
    source="23 CFR 680.116(b)",
    down=DOWN,
    excluded={UTILITY: None, VEHICLE: None, WORK: None, VANDALISM: None, DISASTER: None, CLOSED: None},
    required=0.97,
    strictly=True,
)
UK = Regulation(
    name="uk",
    title="United Kingdom: reliability of the network of rapid charge points",
    source="Public Charge Point Regulations 2023, reg. 7",
    # Inoperative and out of order; a point whose status is unknown or blocked counts as reliable by paragraph (3).
    down=FAULTS,
    excluded={CLOSED: None},
    required=0.99,
    power_kw_min=50.0,
    pooled=True,
)
CALIFORNIA = Regulation(
    name="california",
    title="California: uptime of each DC charging port",
    source="California Energy Commission, AB 2061 (Public Resources Code 25231.5)",
    down=DOWN,
    excluded={UTILITY: None, WORK: None, VANDALISM: 10 * DAY_NS, CLOSED: None},
    yearly_ns={WORK: 72 * HOUR_NS},
    required=0.97,
    current="dc",
)
REGULATIONS = {each.name: each for each in (NEVI, UK, CALIFORNIA)}
