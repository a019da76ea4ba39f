"""The page about a station: honest comparisons, outages that count once, text that stays text, and names that are gone."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.support.alerts import HOUR, MINUTE, NOON
from tests.support.history import a_session

from nocwatch.flags import Category, Evidence, Flag, Severity
from nocwatch.network import ConnectorStatus
from nocwatch.registry.places import Place
from nocwatch.reports.anonymous import Names, anonymised
from nocwatch.reports.pages import Code, Heading, Paragraph, Points, Table, html, markdown
from nocwatch.reports.station import (
    Identity,
    Makeup,
    Outages,
    StationReport,
    cohorts,
    counted,
    faults,
    outages,
    share,
)
from nocwatch.reports.station_data import as_json, figures
from nocwatch.reports.station_page import commands, page, title
from nocwatch.reports.writing import Style
from nocwatch.sessions import Outcome, Reason
from nocwatch.store.tallies import Complaint, Ended, Era, Tally
from nocwatch.store.values import Band

S = ConnectorStatus
STYLE = Style()


def tallies(station: str, success: int, failed: int) -> list[Tally]:
    return [Tally(station, "success", "", success), Tally(station, "failed", "EV_COMM", failed)]


def band(status: ConnectorStatus, begin: int, end: int | None, connector: int = 1, code: str = "") -> Band:
    at = None if end is None else NOON + end * MINUTE
    return Band(
        station="CP1",
        evse=None,
        connector=connector,
        status=status,
        from_ns=NOON + begin * MINUTE,
        until_ns=at,
        error_code=code,
    )


def test_a_station_is_put_beside_others_and_never_beside_itself() -> None:
    makeups = {
        "CP1": Makeup("ACME", "X", "1.0"),
        "CP2": Makeup("ACME", "X", "1.0"),
        "CP3": Makeup("ACME", "X", "0.9"),
        "CP4": Makeup("Other", "", ""),
    }
    rows = [*tallies("CP1", 50, 50), *tallies("CP2", 99, 1), *tallies("CP3", 98, 2), *tallies("CP4", 10, 10)]
    near, model, vendor, everyone = cohorts("CP1", makeups, rows)
    assert (near.stations, near.failed.of, near.failed.number, near.differs) == (1, 100, 1, "more")
    assert (model.failed.of, vendor.failed.of, everyone.failed.of) == (200, 200, 220)
    assert everyone.stations == 3
    assert near.reasons["EV_COMM"] == share(1, 100)


def test_few_sessions_show_no_difference_however_far_apart_the_shares_are() -> None:
    """One of one against one of three: 100 % and 33 %, and nobody can say anything by it."""
    makeups = {"CP1": Makeup("ACME", "X", "1"), "CP2": Makeup("ACME", "X", "1")}
    found = cohorts("CP1", makeups, [*tallies("CP1", 0, 1), *tallies("CP2", 2, 1)])
    assert {each.differs for each in found} == {"none"}
    alone = cohorts("CP1", makeups, tallies("CP1", 0, 5))
    assert {(each.failed.share, each.differs) for each in alone} == {(None, "none")}


def test_stations_of_unknown_make_are_no_cohort() -> None:
    makeups = {"CP1": Makeup("", "", ""), "CP2": Makeup("", "", "")}
    assert [each.name for each in cohorts("CP1", makeups, tallies("CP2", 1, 1))] == ["all stations"]


def test_what_drivers_broke_off_is_no_try_of_the_station() -> None:
    found = counted([*tallies("CP1", 3, 1), Tally("CP1", "cancelled", "ENDED_BY_DRIVER", 9)])
    assert found.failed == share(1, 4)
    assert share(0, 0).share is None


def test_an_outage_of_a_station_with_two_connectors_counts_once_and_within_the_window() -> None:
    bands = [
        band(S.OFFLINE, -30, 10, 1),
        band(S.OFFLINE, -30, 10, 2),
        band(S.AVAILABLE, 10, 50, 1),
        band(S.OFFLINE, 50, None, 1),
        band(S.OFFLINE, 51, None, 2),
    ]
    found = outages(bands, NOON, NOON + HOUR)
    assert (found.number, found.time_ns) == (2, 20 * MINUTE)
    assert found.longest[-1] == (NOON + 50 * MINUTE, NOON + HOUR)


def test_no_data_is_no_word_about_outages() -> None:
    assert outages([band(S.NO_DATA, 0, None)], NOON, NOON + HOUR) == Outages(seen=False)
    assert outages([band(S.AVAILABLE, 0, None)], NOON, NOON + HOUR) == Outages(seen=True)


def test_error_codes_count_whether_or_not_the_connector_was_faulted() -> None:
    bands = [
        band(S.FAULTED, 0, 10, code="GroundFailure"),
        band(S.FAULTED, 20, 25, code="GroundFailure"),
        band(S.CHARGING, 30, 40, code="HighTemperature"),
        band(S.FAULTED, 50, None, code="NoError"),
        band(S.CHARGING, 41, 42, code="NoError"),
    ]
    assert [
        (each.code, each.number, each.time_ns // MINUTE) for each in faults(bands, NOON, NOON + HOUR)
    ] == [
        ("GroundFailure", 2, 15),
        ("HighTemperature", 1, 10),
        ("Faulted, no code given", 1, 10),
    ]


FAILED = a_session(
    "5f0c00000000000a",
    outcome=Outcome.FAILED,
    reason=Reason.EV_COMM,
    transaction=4711,
    token="h:0123456789abcdef",
    upstream="csms-of-acme",
    blame_evidence=(Evidence(text="CP1 lost 10.1.2.3:443 while CP77 talked; token h:0123456789abcdef"),),
)
FLAG = Flag(
    id="f1",
    rule="faulted",
    detector="faulted",
    category=Category.HARDWARE,
    severity=Severity.WARNING,
    key="CP1/1",
    station="CP1",
    onset_at_ns=NOON,
    at_ns=NOON,
    summary="Depot One (CP1) at Hafen Nord is Faulted: <b>GroundFailure</b>",
    evidence=(Evidence(text="SN-123456 said so at fe80::1:2", stations=("CP77",)),),
)
REPORT = StationReport(
    identity=Identity(
        station="CP1",
        name="Depot One",
        site="Hafen Nord",
        vendor="ACME",
        model="X300",
        firmware="1.2",
        serial="SN-123456",
        version="1.6",
    ),
    from_ns=NOON,
    until_ns=NOON + HOUR,
    at_ns=NOON + HOUR,
    eras=(Era(NOON - HOUR, "1.1"), Era(NOON + MINUTE, "1.2")),
    outcomes={"success": 3, "failed": 1},
    failed=share(1, 4),
    reasons={"EV_COMM": share(1, 4)},
    blames={"vehicle": 1},
    cohorts=cohorts(
        "CP1",
        {"CP1": Makeup("ACME", "X300", "1.2"), "CP77": Makeup("ACME", "X300", "1.2")},
        [*tallies("CP1", 3, 1), *tallies("CP77", 30, 2)],
    ),
    faults=faults([band(S.FAULTED, 0, 10, code="GroundFailure")], NOON, NOON + HOUR),
    outages=outages([band(S.OFFLINE, 5, 6)], NOON, NOON + HOUR),
    links=(Ended("closed", "reset by 10.1.2.3", 2),),
    complaints=(Complaint("csms", "Authorize", "InternalError", 1),),
    flags=(FLAG,),
    flags_more=False,
    examples=(FAILED,),
    first_frame_ns=NOON + MINUTE,
)


def forms(report: StationReport) -> dict[str, str]:
    return {
        "text": markdown(page(report, STYLE)),
        "html": html(title(report), page(report, STYLE)),
        "json": as_json(report, STYLE),
        "csv": repr(list(figures(report))),
    }


def test_a_link_that_ended_with_nocwatchs_own_relay_is_not_held_against_the_station() -> None:
    ends = (Ended("closed", "relay_lost", 2), Ended("closed", "reset", 1))
    text = forms(replace(REPORT, links=ends))["text"]
    assert "| closed | relay_lost | 2 |" in text
    assert "relay_lost: nocwatch itself was restarted; these ends are not the station's" in text
    assert "nocwatch itself was restarted" not in forms(replace(REPORT, links=ends[1:]))["text"]


def test_every_number_of_the_page_comes_with_what_it_is_out_of() -> None:
    text = forms(REPORT)["text"]
    for said in (
        "1 of 4 sessions that succeeded or failed have failed: 25.0 % (95 % interval 4.6 to 69.9 %)",
        "| this station | 1 | 4 | 1 | 25.0 % | 4.6 to 69.9 % |  |",
        "| same vendor, model and firmware | 1 | 32 | 2 | 6.2 % | 1.7 to 20.1 % | no difference can be shown |",
        "| GroundFailure | 1 | 00:10:00 |",
        "Without a link once, 00:01:00",
        "| 2025-11-21T12:01:00Z | 1.2 |",
        "Messages are kept from 2025-11-21T12:01:00Z on",
        f"nocwatch trace anonymise {FAILED.id}.jsonl",
    ):
        assert said in text


def test_nothing_seen_is_said_and_not_shown_as_good() -> None:
    empty = replace(
        REPORT,
        outcomes={"success": 0},
        failed=share(0, 0),
        reasons={},
        blames={},
        faults=(),
        outages=Outages(seen=False),
        links=(),
        complaints=(),
        flags=(),
        examples=(),
        first_frame_ns=None,
    )
    text = forms(empty)["text"]
    assert "No session began in this time." in text
    assert "outages cannot be told" in text
    assert "No message of the station is kept any more" in text
    assert '"number":null' in forms(empty)["json"].replace(" ", "")


def test_the_anonymised_page_has_no_name_in_any_form() -> None:
    place = Place(
        station="CP1", name="Depot One", site="hafen", site_name="Hafen Nord", operator="acme-charging"
    )
    hidden = anonymised(REPORT, Names(place, "SN-123456", {"CP1", "CP77", "CP9"}))
    names = ("CP1", "CP77", "Depot One", "Hafen", "SN-123456", "10.1.2.3", "fe80", "h:0123", "csms-of-acme")
    for form, text in forms(hidden).items():
        assert [name for name in names if name in text] == [], form
        assert "ACME" in text or form == "csv"
    assert all(name in "".join(forms(REPORT).values()) for name in ("CP1", "CP77", "SN-123456", "10.1.2.3"))
    assert "4711" in forms(hidden)["text"], "the vendor finds their own records by the transaction"


def test_a_name_within_a_longer_one_is_not_torn() -> None:
    names = Names(Place(station="CP1"), "", {"CP1", "CP10", "odd name", "1"})
    assert names.out_of("CP1, CP10 and odd name: 1 of 12:30:01") == (
        "STATION, OTHER STATION and OTHER STATION: 1 of 12:30:01"
    )


def test_addresses_are_taken_out_and_times_of_day_stay() -> None:
    names = Names(Place(station="CP1"), "", ())
    told = "at 12:30:01, 2026-11-21T12:30:01Z [2001:db8::7]:51234 fe80::1 00:1A:2B:3C:4D:5E 203.0.113.7:51234 1:2:3:4:5:6:7:8"
    assert names.out_of(told) == (
        "at 12:30:01, 2026-11-21T12:30:01Z ADDRESS:51234 ADDRESS ADDRESS ADDRESS ADDRESS"
    )


def test_the_command_is_safe_to_paste_whatever_a_station_calls_itself() -> None:
    export, _ = commands(a_session("5f0c00000000000a", station="a'; rm -rf ~ #[*]"))
    assert export.startswith("nocwatch trace export --station 'a'\"'\"'; rm -rf ~ #[[][*]]' --from ")


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.told: list[str] = []

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.told.append(data)


@settings(deadline=None, max_examples=60)
@given(text=st.text(min_size=1, max_size=40))
def test_text_from_the_field_is_no_markup(text: str) -> None:
    for nasty in (text, f"<script>{text}</script>", f'"><img src=x onerror="{text}">'):
        blocks = (
            Heading(nasty),
            Paragraph(nasty),
            Points((nasty,)),
            Table((nasty,), ((nasty,),)),
            Code((nasty,)),
        )
        reader = Reader()
        reader.feed(html(nasty, blocks))
        assert {"script", "img"}.isdisjoint(reader.tags)
        shown = "".join(each if each.isprintable() else " " for each in nasty).strip()
        assert "".join(reader.told).count(shown) >= 7
        plain = markdown([Paragraph(nasty)])
        assert not re.search(r"(?<!\\)[<>`|]", plain.replace("\\\\", ""))
        assert plain.count("\n") == 1


def test_the_html_needs_nothing_from_elsewhere() -> None:
    text = forms(REPORT)["html"]
    assert not re.search(r"(src|href)=|@import|url\(", text)
    assert "<script" not in text
    assert "default-src 'none'" in text
