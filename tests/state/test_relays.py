"""What the relay says of itself, by ticks and link events: who is reached, who was turned away, when it began."""

from __future__ import annotations

from tests.support.play import T0_NS

from nocwatch.frames import Link, LinkEvent, Tick
from nocwatch.moments import SECOND_NS
from nocwatch.state.changes import AnyChange, RelayTold, UpstreamChanged
from nocwatch.state.fleet import Fleet
from nocwatch.state.relays import UPSTREAMS_MAX

STARTED_S = T0_NS // SECOND_NS


class Story:
    """A fleet that hears of the relay alone."""

    def __init__(self) -> None:
        self.fleet = Fleet()
        self.now_s = 0
        self.changes: list[AnyChange] = []

    def tick(self, lane: int = 0, seconds: int = 1, *, started_s: int = STARTED_S, **counters: int) -> None:
        self.now_s += seconds
        counters = {"start_time_seconds": started_s, "workers": 1, **counters}
        at_ns = T0_NS + self.now_s * SECOND_NS
        tick = Tick(lane=lane, sequence=self.now_s << 16, received_at_ns=at_ns, counters=counters)
        self.changes += self.fleet.feed(tick).changes

    def upstream(self, name: str, *, up: bool, lane: int = 0, reason: str = "") -> None:
        event = LinkEvent.UPSTREAM_UP if up else LinkEvent.UPSTREAM_DOWN
        at_ns = T0_NS + self.now_s * SECOND_NS
        link = Link(
            lane=lane, sequence=self.now_s << 16, received_at_ns=at_ns, connection=0, station="", event=event,
            upstream=name, reason=reason,
        )  # fmt: skip
        self.changes += self.fleet.feed(link).changes

    @property
    def ups(self) -> list[bool]:
        return [each.up for each in self.changes if isinstance(each, UpstreamChanged)]

    @property
    def refused(self) -> dict[str, int]:
        sums: dict[str, int] = {}
        for each in self.changes:
            if isinstance(each, RelayTold):
                for reason, count in each.refused.items():
                    sums[reason] = sums.get(reason, 0) + count
        return sums


def test_an_upstream_that_goes_tells_why() -> None:
    story = Story()
    story.upstream("main", up=False, reason="upstream_tls")
    story.upstream("main", up=True)
    told = [(each.up, each.reason) for each in story.changes if isinstance(each, UpstreamChanged)]
    assert told == [(False, "upstream_tls"), (True, "")]


def test_a_restarted_relay_takes_back_what_the_former_one_had_met() -> None:
    """It was down when the relay ended; the new one has not failed to reach it, and no link event will ever say so."""
    story = Story()
    story.tick(upstream_up_main=1)
    story.upstream("main", up=False)
    story.tick(upstream_up_main=0)
    assert story.ups == [False]
    story.tick(seconds=30, started_s=STARTED_S + 30, upstream_up_main=1)
    assert story.ups == [False, True]


def test_a_link_event_that_a_full_disk_swallowed_is_made_good_by_the_tick() -> None:
    story = Story()
    story.tick(upstream_up_main=1)
    story.tick(upstream_up_main=0)
    story.tick(upstream_up_main=0)
    story.tick(upstream_up_main=1)
    assert story.ups == [False, True]


def test_a_worker_whose_last_dial_failed_long_ago_does_not_contradict_one_that_gets_through() -> None:
    story = Story()
    story.upstream("main", up=False, lane=0)
    story.upstream("main", up=True, lane=1)
    for _ in range(3):
        story.tick(0, workers=2, upstream_up_main=0)
        story.tick(1, workers=2, upstream_up_main=1)
    assert story.ups == [False, True]


def test_a_worker_that_was_taken_away_says_nothing_any_more() -> None:
    story = Story()
    story.tick(0, workers=2, upstream_up_main=1)
    story.upstream("main", up=False, lane=1)
    story.tick(0, started_s=STARTED_S + 60, workers=1, upstream_up_main=1)
    assert story.ups == [False, True]


def test_an_upstream_that_was_taken_out_of_the_configuration_is_not_down_for_ever() -> None:
    story = Story()
    story.tick(upstream_up_main=1, upstream_up_old=1)
    story.upstream("old", up=False)
    story.tick(upstream_up_main=1, upstream_up_old=0)
    story.tick(upstream_up_main=1)  # a reload
    assert story.ups == [False, True]
    assert story.fleet.upstreams == {"old": True}


def test_refusals_are_told_every_ten_seconds_and_add_up() -> None:
    story = Story()
    story.tick(refused_empty=1)
    for second in range(1, 26):
        story.tick(refused_empty=1, refused_station_tls_distrusts_us=second)
    told = [each.at_ns for each in story.changes if isinstance(each, RelayTold)]
    assert [(at_ns - T0_NS) // SECOND_NS for at_ns in told] == [1, 11, 21]
    assert story.refused == {"empty": 1, "station_tls_distrusts_us": 20}


def test_a_relay_that_ran_for_long_before_its_first_tick_is_counted_from_there() -> None:
    story = Story()
    story.tick(started_s=STARTED_S - 86_400, refused_no_route=5_000)
    story.tick(seconds=10, started_s=STARTED_S - 86_400, refused_no_route=5_002)
    assert story.refused == {"no_route": 2}


def test_a_restart_counts_from_zero_and_a_crashed_worker_goes_on() -> None:
    story = Story()
    story.tick(refused_no_route=7)
    story.tick(seconds=20, started_s=STARTED_S + 20, refused_no_route=3)
    assert story.refused == {"no_route": 10}
    story.tick(seconds=20, started_s=STARTED_S + 40, refused_no_route=4)
    assert story.refused == {"no_route": 11}


def test_the_beginning_of_a_relay_is_told_once() -> None:
    story = Story()
    story.tick()
    story.tick()
    story.tick(started_s=STARTED_S + 2)
    began = [each.started_at_ns for each in story.changes if isinstance(each, RelayTold)]
    assert began == [STARTED_S * SECOND_NS, (STARTED_S + 2) * SECOND_NS]


def test_nothing_is_told_by_ticks_without_counters_as_traces_have_them() -> None:
    story = Story()
    story.fleet.feed(Tick(lane=0, sequence=1, received_at_ns=T0_NS))
    assert not story.changes


def test_snapshot_in_between_changes_nothing() -> None:
    story, again = Story(), Story()
    for each in (story, again):
        each.tick(upstream_up_main=1, refused_no_route=1)
        each.upstream("main", up=False)
        if each is again:
            kept = again.fleet.snapshot()
            again.fleet = Fleet()
            again.fleet.restore(kept)
        each.tick(seconds=20, upstream_up_main=0, refused_no_route=4)
        each.tick(upstream_up_main=1, refused_no_route=4)
    assert again.changes == story.changes


def test_a_journal_of_another_hand_cannot_fill_the_memory() -> None:
    story = Story()
    for number in range(UPSTREAMS_MAX + 5):
        story.upstream(f"u{number}", up=False)
        story.tick(number, workers=0)
    assert len(story.fleet.upstreams) == UPSTREAMS_MAX
    assert len(story.fleet.relays.memory.lanes) == 16
    assert story.fleet.counters["state_upstreams_dropped"] == 5
