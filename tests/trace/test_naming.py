"""Links are named as by somebody who forgets nothing, and no more is kept than the links that are open."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nocwatch.frames import Link, LinkEvent
from nocwatch.trace.naming import VERSIONS, Namer


def link(
    event: LinkEvent, connection: int, station: str = "CP1", subprotocol: str | None = "ocpp1.6"
) -> Link:
    return Link(
        lane=0, sequence=0, received_at_ns=0, connection=connection, station=station, event=event, subprotocol=subprotocol
    )  # fmt: skip


class ForgetsNothing:
    """The same by the plainest means: every link that ever was, in a list."""

    def __init__(self) -> None:
        self.links: list[tuple[int, str, str, str | None]] = []
        self.open: dict[int, str] = {}

    def note(self, told: Link) -> None:
        if told.event is LinkEvent.OPEN:
            number = 1 + sum(station == told.station for _, station, _, _ in self.links)
            others = told.station in self.open.values()
            name = str(number) if others else None
            self.links.append((told.connection, told.station, VERSIONS.get(told.subprotocol or "", ""), name))
            self.open[told.connection] = told.station
        elif told.event is LinkEvent.CLOSED:
            self.open.pop(told.connection, None)

    def about(self, connection: int) -> tuple[str, str | None]:
        return next(
            ((version, name) for number, _, version, name in self.links if number == connection), ("", None)
        )


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(["CP1", "CP2"]), st.sampled_from(["ocpp1.6", "ocpp2.1", None])),
        max_size=60,
    )
)  # fmt: skip
def test_whoever_forgets_ended_links_names_the_others_as_before(
    acts: list[tuple[int, str, str | None]],
) -> None:
    """An act ends the open link that its number picks; where there is none, another one opens."""
    namer, plain = Namer(), ForgetsNothing()
    for connection, (pick, station, subprotocol) in enumerate(acts, 1):
        if pick < len(plain.open):
            ended = sorted(plain.open)[pick]
            told = link(LinkEvent.CLOSED, ended, plain.open[ended])
        else:
            told = link(LinkEvent.OPEN, connection, station, subprotocol)
        namer.note(told)
        plain.note(told)
        for each in {*plain.open, told.connection}:
            assert (namer.version(each), namer.name(each)) == plain.about(each)
        assert len(namer) <= len(plain.open) + 1


def test_a_station_that_reconnects_all_year_takes_no_more_room_than_one_that_stays() -> None:
    namer = Namer()
    for connection in range(1, 10_000):
        namer.note(link(LinkEvent.OPEN, connection))
        namer.note(link(LinkEvent.CLOSED, connection))
        assert len(namer) == 1
    namer.note(link(LinkEvent.OPEN, 20_000))
    namer.note(link(LinkEvent.OPEN, 20_001))
    assert (namer.name(20_000), namer.name(20_001)) == (None, "10001")


def test_the_line_of_a_links_end_still_says_which_link_it_was() -> None:
    namer = Namer()
    for connection in (1, 2):
        namer.note(link(LinkEvent.OPEN, connection))
    namer.note(link(LinkEvent.CLOSED, 2))
    assert (namer.name(2), namer.version(2)) == ("2", "1.6")
    namer.note(link(LinkEvent.REFUSED, 3, "scanner"))
    assert (namer.name(2), namer.version(2)) == (None, "")
