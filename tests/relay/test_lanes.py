"""What a relay says of its workers together: whom it can take, and what is wrong with which."""

from __future__ import annotations

from nocwatch.relay.channel import Report
from nocwatch.relay.lanes import Lane, each_of, figures, readiness


def lanes(*reports: Report | None) -> list[Lane]:
    made = [Lane(number) for number in range(len(reports))]
    for lane, report in zip(made, reports, strict=True):
        if report is not None:
            lane.heard(report)
    return made


def test_all_is_well_without_a_word() -> None:
    assert readiness(lanes(Report(), Report()), draining=False) == ([], [])


def test_one_worker_down_is_a_remark_and_all_down_a_reason() -> None:
    reasons, remarks = readiness(lanes(Report(), None), draining=False)
    assert (reasons, remarks) == ([], ["worker 1 is down (started again 0 times so far)"])
    reasons, _ = readiness(lanes(None, None), draining=False)
    assert reasons == ["no worker is up"]


def test_what_keeps_all_from_taking_stations_is_a_reason_once() -> None:
    down = Report(reasons=["not reachable: main"])
    assert readiness(lanes(down, down), draining=False) == (["not reachable: main"], [])


def test_what_keeps_one_from_taking_stations_is_a_remark_with_its_name() -> None:
    down = Report(reasons=["not reachable: main"])
    assert readiness(lanes(Report(), down), draining=False) == ([], ["worker 1: not reachable: main"])


def test_a_remark_of_all_is_told_without_names() -> None:
    said = Report(remarks=["the journal has dropped 4 records"])
    assert readiness(lanes(said, said), draining=False)[1] == ["the journal has dropped 4 records"]


def test_the_end_is_told_as_such_and_not_as_workers_that_are_missing() -> None:
    assert readiness(lanes(None, None), draining=True) == (
        ["shutting down: no new connections are accepted"],
        [],
    )


def test_figures_go_on_while_a_worker_is_away_and_what_stands_for_now_does_not() -> None:
    counted = Report(counters={"links": 5, "links_open": 2, "upstream_up_main": 0})
    made = lanes(counted, Report(counters={"links": 1, "links_open": 1, "upstream_up_main": 1}))
    made[0].ended()
    made[0].restarts = 1
    found = figures(made)
    assert (found["links"], found["links_open"], found["upstream_up_main"]) == (6, 1, 1)
    assert (found["worker_up_0"], found["worker_up_1"], found["worker_restarts_0"]) == (0, 1, 1)


def test_each_worker_is_told_with_what_it_does_now() -> None:
    made = lanes(Report(counters={"links_open": 4, "draining": 1, "links": 9}), None)
    made[1].restarts = 2
    first, second = each_of(made)
    assert first == {"worker": 0, "pid": None, "up": True, "draining": True, "links": 4, "restarts": 0}
    assert second == {"worker": 1, "pid": None, "up": False, "draining": False, "links": 0, "restarts": 2}
    assert figures(made)["worker_draining_0"] == 1
    assert figures(made)["worker_draining_1"] == 0
