"""From pooled sums to figures that a person can judge: value, numerator, denominator, sample size, interval. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from nocwatch.kpis.definitions import ANSWER_QUANTILES, CHARGEX, COMMON, KPIS, START_QUANTILES, Kpi, benchmark
from nocwatch.kpis.ratios import wilson
from nocwatch.kpis.repairs import Repairs
from nocwatch.kpis.spread import Counts, quantile_s
from nocwatch.kpis.visits import VisitSums

WIDE = 0.20
"""An interval wider than this says little: 17 of 17 is the least that is narrower."""
TIMES_FEW = 20
"""Durations, below which a quantile says little."""
REPAIRS_FEW = 5
HOURS_FEW = 24.0
"""Connector hours, below which a share of time says more of the hour than of the connector."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of one group.

    Attributes:
        value: None where there is nothing to divide by: never 0 for unknown. Shares are from 0 to 1.
        numerator, denominator: tries, hours or kilowatt-hours.
        number: sample size: tries, or durations; None where the figure is one of time.
        low, high: Wilson interval at 95 %, of shares of tries.
        detail: which of several: the action and upstream of an answer time.
        benchmark: how busy that is, where there are marks for it.
    """

    name: str
    title: str
    unit: str
    value: float | None
    numerator: float | None = None
    denominator: float | None = None
    number: int | None = None
    low: float | None = None
    high: float | None = None
    mark: float | None = None
    detail: str = ""
    benchmark: str = ""
    source: str = ""

    @property
    def few(self) -> bool:
        """Whether too little stands behind the value to conclude anything from it."""
        if self.value is None:
            return False
        if self.low is not None and self.high is not None:
            return self.high - self.low > WIDE
        if self.number is not None:
            return self.number < (REPAIRS_FEW if self.unit == "h" else TIMES_FEW)
        return self.denominator is not None and self.denominator < HOURS_FEW


def of_sums(sums: Mapping[str, int]) -> list[Figure]:
    return [_ratio(kpi, sums) for kpi in KPIS]


def _ratio(kpi: Kpi, sums: Mapping[str, int]) -> Figure:
    above, below = total(sums, kpi.numerator), total(sums, kpi.denominator)
    value = above / below * kpi.scale if below > 0 else None
    low, high = wilson(min(above, below), below) if kpi.tries and below > 0 else (None, None)
    return Figure(
        name=kpi.name,
        title=kpi.title,
        unit=kpi.unit,
        value=value,
        numerator=_counted(above, kpi.numerator),
        denominator=_counted(below, kpi.denominator),
        number=below if kpi.tries else None,
        low=low,
        high=high,
        mark=kpi.mark,
        benchmark=benchmark(kpi.name, value),
        source=kpi.source,
    )


def _counted(amount: int, names: Iterable[str]) -> float:
    """As people count it: times in hours, energy in kilowatt-hours, all else as it is."""
    name = next(iter(names))
    return amount / 3600e9 if name.endswith("_ns") else amount / 3.6e6 if name.endswith("_j") else amount


def total(sums: Mapping[str, int], names: Iterable[str]) -> int:
    return sum(-sums.get(name[1:], 0) if name.startswith("-") else sums.get(name, 0) for name in names)


def of_start_times(counts: Counts) -> list[Figure]:
    return _quantiles("charge_start_time", "Charge start time", counts, START_QUANTILES, CHARGEX)


def of_answers(answers: Mapping[tuple[str, str], Counts]) -> list[Figure]:
    """Of each (upstream, action)."""
    found = []
    for (upstream, action), counts in sorted(answers.items()):
        found += _quantiles(
            "csms_answer_time",
            "CSMS answer time",
            counts,
            ANSWER_QUANTILES,
            "nocwatch",
            f"{action} by {upstream}" if upstream else action,
        )
    return found


def _quantiles(
    name: str, title: str, counts: Counts, shares: Iterable[float], source: str, detail: str = ""
) -> list[Figure]:
    number = sum(counts.values())
    return [
        Figure(
            name=f"{name}_p{share * 100:.0f}",
            title=f"{title}, p{share * 100:.0f}",
            unit="s",
            value=quantile_s(counts, share),
            number=number,
            detail=detail,
            source=source,
        )
        for share in shares
    ]


def of_repairs(repairs: Repairs) -> list[Figure]:
    return [
        Figure(
            name=name,
            title=title,
            unit="h",
            value=above / below / 3600e9 if below else None,
            numerator=above / 3600e9,
            denominator=below,
            number=below,
            source=COMMON,
        )
        for name, title, above, below in (
            ("mttr", "Mean time to repair", repairs.repair_ns, repairs.repairs),
            ("mtbf", "Mean time between failures", repairs.operating_ns, repairs.failures),
        )
    ]


def of_visits(sums: VisitSums) -> list[Figure]:
    return [
        Figure(
            name=name,
            title=title,
            unit="%",
            value=part / sums.visits if sums.visits else None,
            numerator=part,
            denominator=sums.visits,
            number=sums.visits,
            low=wilson(part, sums.visits)[0] if sums.visits else None,
            high=wilson(part, sums.visits)[1] if sums.visits else None,
            source="nocwatch, docs/kpis.md",
        )
        for name, title, part in (
            ("first_attempt_success", "First-attempt success", sums.first_attempt),
            ("troubled_visits", "Troubled visits", sums.troubled),
            ("failed_visits", "Failed visits", sums.failed),
        )
    ]
