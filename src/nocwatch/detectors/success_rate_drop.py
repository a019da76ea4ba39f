"""Sessions fail more often than they should: by station, site, model, firmware, operator or upstream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import msgspec
from pydantic import Field

from nocwatch.detectors import failed_sessions, wording
from nocwatch.detectors.base import Context, Detector, Hears, Settings, Stage
from nocwatch.flags import Blame, Category, Evidence, Severity
from nocwatch.kpis.ratios import wilson
from nocwatch.moments import DAY_NS, HOUR_NS, SECOND_NS
from nocwatch.registry.places import Place
from nocwatch.sessions import Outcome, Session
from nocwatch.state.changes import SessionChanged

HOURS = 24
"""The window that is judged, in hourly buckets; older buckets go into daily ones."""
DAYS = 28
"""The group's own past, in daily buckets."""
FAILING_MAX = 64
"""Stations with a failure that a group remembers; more than that is many anyway."""
REASONS_MAX = 32
"""Failure reasons counted for a group; there are fewer."""

Dimension = Literal["station", "site", "model", "firmware", "operator", "upstream"]
DIMENSIONS: tuple[Dimension, ...] = ("upstream", "operator", "site", "model", "firmware", "station")


class SuccessRateSettings(Settings):
    """What a rule can set of ``success_rate_drop``."""

    rate_min: float = Field(
        default=0.95, gt=0, le=1, description="Success rate of 24 h below which it flags."
    )
    drop_max: float = Field(
        default=0.10, gt=0, lt=1, description="Or so far below the group's own rate of 28 days."
    )
    sessions_min: int = Field(default=20, ge=1, description="Fewer sessions in 24 h are not judged.")
    confidence: float = Field(
        default=0.95, gt=0.5, lt=1, description="Of the Wilson bound: chance must not explain it."
    )
    count_cancelled: bool = Field(default=False, description="Count cancelled sessions as failed.")
    count_rejected: bool = Field(default=False, description="Count rejected sessions as failed.")
    by: tuple[Dimension, ...] = Field(default=DIMENSIONS, description="Which groups are judged.")


class Rates(msgspec.Struct):
    """Of one group. A bucket is [successes, failures].

    Attributes:
        hours, days: number of the hour or day since 1970 → bucket.
        failing: station → the hour of its last failure. ``reasons``: reason → failures, of the last days.
        failures: the last failed sessions of 24 h.
        onset_ns: when the rate was first too low.
        below: key of the group whose flag explains this one's, as of its raising.
    """

    hours: dict[int, list[int]] = {}
    days: dict[int, list[int]] = {}
    failing: dict[str, int] = {}
    reasons: dict[str, int] = {}
    failures: list[failed_sessions.Failure] = []
    onset_ns: int = 0
    below: str = ""


class SuccessRateDrop(Detector[SuccessRateSettings, Rates]):
    """Success rate dropped.

    Sees the share success / (success + failed) of 24 h fall below `rate_min`, or more than `drop_max` below the same group's own 28 days
    before, with at least `sessions_min` sessions. Groups: station, site, model, firmware, operator, upstream. Late sessions and revised
    verdicts are counted where they belong. Clears when the rate is back, or when too few sessions are left to judge.

    Guards: the upper Wilson bound of the rate must lie below the mark, so that chance does not explain it; a group of several stations
    flags only if it would without its worst station; groups that fail through the same stations hang below the first one's
    flag; cancelled and rejected sessions do not count unless told; nor do sessions of a station in maintenance.
    """

    name = "success_rate_drop"
    stage = Stage.FLEET
    category = Category.KPI
    severity = Severity.WARNING
    hears: ClassVar[Hears] = (SessionChanged,)
    Settings = SuccessRateSettings
    State = Rates
    title = "Success rate dropped"
    advice = (
        "Open the failed sessions that the flag lists: one reason that stands out says where to look. A model or firmware: what was rolled out last? "
        "An upstream: how quickly does the CSMS answer? A site: its network."
    )
    numbers: ClassVar[dict[str, str]] = {
        "rate": "success rate of 24 h, 0 to 1",
        "sessions": "sessions of 24 h",
        "failed": "failed ones among them",
    }

    def on(self, event: Any, context: Context[Rates]) -> None:
        change: SessionChanged = event
        if not (change.ended or change.revised or change.reopened):
            return
        if context.in_maintenance(change.station):
            return
        groups = list(self._groups(context.place(change.station), change.now.upstream))
        before = None if change.before is None or not change.before.over else self._counts(change.before)
        now = None if not change.now.over else self._counts(change.now)
        if (
            before == now
            and change.before is not None
            and _hour(change.before, context) == _hour(change.now, context)
        ):
            return
        for key in groups:
            rates = context.state(key)
            if before is not None and change.before is not None:
                _add(rates, _hour(change.before, context), before, -1)
                _forgive(rates, change.before)
            if now is not None:
                hour = _hour(change.now, context)
                _add(rates, hour, now, 1)
                if now:
                    _failed(rates, change.now, hour)
        # What hangs below another flag goes before it: else it would stand for itself, and page, for no time at all.
        for key in sorted(groups, key=lambda key: not (context.raised(key) and context.state(key).below)):
            self._judge(key, groups, context)

    def due(self, key: str, context: Context[Rates]) -> None:
        # Only what stands may end by time alone. What begins, begins with a session, which says what else it belongs to.
        if context.raised(key):
            self._judge(key, [], context)

    def _groups(self, place: Place, upstream: str) -> Iterator[str]:
        named = {
            "station": place.station,
            "site": place.site,
            "model": " ".join(filter(None, (place.vendor, place.model))) if place.model else "",
            "firmware": " ".join(filter(None, (place.model, place.firmware))) if place.firmware else "",
            "operator": place.operator,
            "upstream": upstream,
        }
        for dimension in DIMENSIONS:
            if dimension in self.settings.by and named[dimension]:
                yield f"{dimension} {named[dimension]}"

    def _counts(self, session: Session) -> int | None:
        """0 for a success, 1 for a failure, None for a session that is in no denominator."""
        if session.outcome is Outcome.SUCCESS:
            return 0
        if session.outcome is Outcome.CANCELLED:
            return 1 if self.settings.count_cancelled else None
        if session.outcome is Outcome.REJECTED:
            return 1 if self.settings.count_rejected else None
        return 1

    def _judge(self, key: str, groups: list[str], context: Context[Rates]) -> None:
        rates = context.state(key)
        self._age(rates, context.now_ns)
        success, failed = _sum(rates.hours)
        number = success + failed
        raised = context.raised(key)
        if number < self.settings.sessions_min:
            rates.onset_ns = 0
            if raised:
                context.clear_flag(key, f"only {wording.count(number, 'session')} in 24 h: too few to judge")
            elif not rates.hours and not rates.days:
                context.forget(key)
                return
        else:
            mark, own = self._mark(rates)
            rate = success / number
            if rate >= mark:
                rates.onset_ns = 0
                if raised:
                    context.clear_flag(key, f"{wording.percent(rate)} of {number} sessions in 24 h succeeded")
            elif not raised and self._significant(key, success, number, mark, rates, context):
                self._tell(key, groups, own, context)
        if context.raised(key):
            # A window that empties by itself must clear the flag too.
            context.wake(key, (context.now_ns // HOUR_NS + 1) * HOUR_NS + (0 if rates.below else SECOND_NS))

    def _mark(self, rates: Rates) -> tuple[float, float | None]:
        """The rate below which the group is not well, and its own of 28 days where there is one."""
        success, failed = _sum(rates.days)
        if success + failed < self.settings.sessions_min:
            return self.settings.rate_min, None
        own = success / (success + failed)
        return max(self.settings.rate_min, own - self.settings.drop_max), own

    def _significant(
        self, key: str, success: int, number: int, mark: float, rates: Rates, context: Context[Rates]
    ) -> bool:
        if wilson(success, number, self.settings.confidence)[1] >= mark:
            return False
        if key.startswith("station "):
            return True
        # One bad station is its own flag and not its site's, model's or upstream's.
        shares = [state for name in rates.failing if (state := context.peek(f"station {name}")) is not None]
        if len(rates.failing) < 2:
            return False
        if not shares:
            return True
        worst = max((_sum(state.hours) for state in shares), key=lambda each: each[1])
        rest = number - sum(worst)
        return rest <= 0 or (success - worst[0]) / rest < mark

    def _tell(
        self,
        key: str,
        groups: list[str],
        own: float | None,
        context: Context[Rates],
    ) -> None:
        rates = context.state(key)
        success, failed = _sum(rates.hours)
        number = success + failed
        dimension, _, name = key.partition(" ")
        rates.onset_ns = rates.onset_ns or context.now_ns
        rates.below = self._below(key, groups, rates, context)
        against = f"; {wording.percent(own)} in its {DAYS} days before" if own is not None else ""
        reasons = sorted(rates.reasons.items(), key=lambda each: (-each[1], each[0]))[:5]
        named = _called(dimension, name, rates, context)
        evidence = [
            Evidence(
                text=f"{failed} of {number} sessions in 24 h failed (by reason: "
                f"{', '.join(f'{reason} {times}' for reason, times in reasons) or 'none known'}). Allowing for chance, a rate of "
                f"{wording.percent(wilson(success, number, self.settings.confidence)[1])} at most; it should be "
                f"{wording.percent(self._mark(rates)[0])} or more.",
                at_ns=context.now_ns,
            )
        ]
        if dimension != "station":
            failing = sorted(rates.failing)
            more = f" and {len(failing) - 12} more" if len(failing) > 12 else ""
            names = ", ".join(wording.named(context.place(each)) for each in failing[:12])
            evidence.append(
                Evidence(text=f"Stations with failures: {names}{more}.", stations=tuple(failing[:12]))
            )
        evidence += failed_sessions.evidence(rates.failures, context)
        context.raise_flag(
            key,
            f"{dimension.capitalize()} {named}: {wording.percent(success / number)} of {number} sessions in 24 h succeeded{against}.",
            station=name if dimension == "station" else None,
            subject=name,
            onset_ns=rates.onset_ns,
            evidence=tuple(evidence),
            advice=failed_sessions.advice(dimension, named, rates.reasons, failed),
            blame=Blame.CHARGER if dimension in ("station", "model", "firmware") else Blame.UNKNOWN,
            below=rates.below,
            numbers={"rate": success / number, "sessions": number, "failed": failed},
        )

    def _below(self, key: str, groups: list[str], rates: Rates, context: Context[Rates]) -> str:
        """A flag that stands for the same failing stations already."""
        if key.startswith("station "):
            return ""
        for other in groups:
            if other == key or other.startswith("station ") or not context.raised(other):
                continue
            state = context.peek(other)
            if state is not None and state.failing.keys() >= rates.failing.keys():
                return state.below if state.below and context.raised(state.below) else other
        return ""

    def _age(self, rates: Rates, now_ns: int) -> None:
        hour = now_ns // HOUR_NS
        for old in [each for each in rates.hours if each <= hour - HOURS]:
            success, failed = rates.hours.pop(old)
            day = rates.days.setdefault(old // 24, [0, 0])
            day[0] += success
            day[1] += failed
        if len(rates.days) > DAYS:
            for old in [each for each in rates.days if each < hour // 24 - DAYS]:
                del rates.days[old]
        if rates.failing:
            rates.failing = {station: last for station, last in rates.failing.items() if last > hour - HOURS}
        if rates.failures:
            rates.failures = [each for each in rates.failures if each.ended_at_ns // HOUR_NS > hour - HOURS]
        if not rates.failing:
            rates.reasons = {}


def _hour(session: Session, context: Context[Rates]) -> int:
    """The hour to which the session belongs: of its end, never one to come, nor one before the days that are kept."""
    ended_ns = session.stopped_at_ns or session.changed_at_ns
    return max(min(ended_ns, context.now_ns), context.now_ns - DAYS * DAY_NS) // HOUR_NS


def _add(rates: Rates, hour: int, failed: int, sign: int) -> None:
    bucket = rates.days.get(hour // 24) if hour not in rates.hours and sign < 0 else None
    if bucket is None:
        bucket = rates.hours.setdefault(hour, [0, 0])
    bucket[failed] = max(0, bucket[failed] + sign)


def _failed(rates: Rates, session: Session, hour: int) -> None:
    rates.failures = failed_sessions.add(rates.failures, session)
    rates.failing.pop(session.station, None)
    rates.failing[session.station] = hour
    if len(rates.failing) > FAILING_MAX:
        del rates.failing[next(iter(rates.failing))]
    reason = str(session.reason or "unknown")
    if reason in rates.reasons or len(rates.reasons) < REASONS_MAX:
        rates.reasons[reason] = rates.reasons.get(reason, 0) + 1


def _forgive(rates: Rates, session: Session) -> None:
    """The verdict is being revised: its reason does not count any more."""
    rates.failures = failed_sessions.without(rates.failures, session.id)
    reason = str(session.reason or "unknown")
    if rates.reasons.get(reason, 0) > 1:
        rates.reasons[reason] -= 1
    else:
        rates.reasons.pop(reason, None)


def _sum(buckets: dict[int, list[int]]) -> tuple[int, int]:
    return sum(each[0] for each in buckets.values()), sum(each[1] for each in buckets.values())


def _called(dimension: str, name: str, rates: Rates, context: Context[Rates]) -> str:
    """What people call the group: station, site and operator by their names, where the registry has any."""
    if dimension == "station":
        return context.place(name).name or name
    if dimension not in ("site", "operator"):
        return name
    names = (getattr(context.place(station), f"{dimension}_name") for station in rates.failing)
    return next(filter(None, names), name)
