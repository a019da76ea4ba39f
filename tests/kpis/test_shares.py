"""No share is above one: what stands above the line was counted below it, whatever sessions and states there were."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.alerts import MINUTE, NOON
from tests.support.history import a_session

from nocwatch.kpis.counting import FORGOTTEN, JOINED, counted
from nocwatch.kpis.figures import of_sums, of_visits
from nocwatch.kpis.visits import Attempt, VisitSums, visits
from nocwatch.network import ConnectorStatus
from nocwatch.sessions import Milestone, Outcome, Session, SessionStep
from nocwatch.store.rollups import COLUMNS, FLEET, BandPart, SessionPart, Sums

STEPS = [
    SessionStep(at_ns=NOON, name=name, milestone=milestone)
    for name, milestone in (
        (Milestone.CHARGING.value, True),
        (Milestone.STOPPED.value, True),
        (JOINED, False),
        (FORGOTTEN, False),
        ("authorised", False),
    )
]
sessions = st.builds(
    lambda outcome, energy_wh, steps, stop_reason, minute: (
        outcome,
        energy_wh,
        tuple(steps),
        stop_reason,
        minute,
    ),
    st.sampled_from(list(Outcome)),
    st.sampled_from([None, -1.0, 0.0, 50.0, 51.0, 99.0, 100.0, 20_000.0]),
    st.lists(st.sampled_from(STEPS), max_size=4, unique_by=lambda step: step.name),
    st.sampled_from([None, "Local", "EmergencyStop", "DeAuthorized"]),
    st.integers(0, 600),
)
bands = st.lists(st.tuples(st.sampled_from(list(ConnectorStatus)), st.integers(1, 400)), max_size=12)


def session(outcome, energy_wh, steps, stop_reason, minute) -> Session:
    made = a_session(
        outcome=outcome,
        energy_wh=energy_wh,
        started=NOON + minute * MINUTE,
        length=MINUTE,
        stop_reason=stop_reason,
    )
    return Session(**{name: getattr(made, name) for name in made.__struct_fields__} | {"steps": steps})


@settings(deadline=None, max_examples=300)
@given(made=st.lists(sessions, max_size=20), states=bands)
def test_no_share_of_any_sessions_and_states_is_above_one(made, states) -> None:
    sums, tried = Sums(), []
    for each in sorted((session(*one) for one in made), key=lambda one: one.started_at_ns):
        cells = counted(each)
        part = SessionPart(
            "CP1",
            -1,
            1,
            each.started_at_ns,
            each.stopped_at_ns,
            each.changed_at_ns,
            each.energy_wh,
            each.outcome.value,
            *cells,
        )
        sums.session(part, 1)
        if cells.attempts:
            tried.append(
                Attempt(
                    "depot", "CP1", -1, 1, "h:jo", each.started_at_ns, each.changed_at_ns, each.outcome.value
                )
            )
    at = NOON
    for status, minutes in states:
        sums.band(BandPart("CP1", -1, 1, at, at + minutes * MINUTE, status.value), 1)
        at += minutes * MINUTE
    names = dict(
        zip(
            COLUMNS,
            map(sum, zip(*(row for key, row in sums.rows.items() if key[:3] != FLEET), strict=True)),
            strict=False,
        )
    )
    names["known_ns"] = at - NOON - names.get("unknown_ns", 0)
    visited = VisitSums()
    for _, each in visits(tried):
        visited += each
    for figure in (*of_sums(names), *of_visits(visited)):
        if figure.unit == "%" and figure.value is not None:
            assert 0 <= figure.value <= 1, figure


def test_one_who_was_refused_while_power_flowed_is_no_more_than_one_try() -> None:
    """A station that charges before its CSMS has answered: the card was refused after 80 Wh. It was a start that worked."""
    cells = counted(session(Outcome.REJECTED, 80.0, (STEPS[0],), "DeAuthorized", 0))
    assert (cells.attempts, cells.delivered, cells.refused) == (1, 1, 0)
    shown = {
        each.name: each for each in of_sums({"attempts": 1, "delivered": 1, "rejected": 1, "refused": 0})
    }
    assert shown["charger_start_success"].value == 1.0
    assert counted(session(Outcome.REJECTED, None, (), None, 0)).refused == 1
