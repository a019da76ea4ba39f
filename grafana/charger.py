"""The charger-level dashboard: how one station does, from frames alone. One function a panel.

The window of each panel is its own (24 hours, 7 days, 30 days), whatever the dashboard's time range says. Windows of days begin
at a day's beginning ("6d/d": today and the six days before it), so that the first bar is a whole day.
"""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import common, dashboard, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models import common as c
from grafana_foundation_sdk.models import dashboard as d
from influxql import INFLUX, Query
from look import BAD, GOOD, MOVING, MUTED, WARNING, state_mappings
from parts import MONTH, WEEK, WINDOW, link, set_to
from plans import costs, limits, reservations

UID = "nocwatch-charger"
MONTH_DAYS = 30
ZONE = "tz('$timezone')"
REPEAT_MAX_MS = 20 * 60 * 1000
"""The watch repeats each state every 15 minutes; where nothing came for longer, nothing is known, and a gap is drawn."""


def build() -> d.Dashboard:
    """The whole dashboard."""
    board = (
        dashboard.Dashboard("Charger")
        .uid(UID)
        .description(
            "How one charging station does: sockets, sessions, success, errors, utilisation, energy."
        )
        .tags(["nocwatch"])
        .timezone("browser")
        .tooltip(d.DashboardCursorSync.CROSSHAIR)
        .refresh("30s")
        .time("now-24h", "now")
        .with_variable(_station())
        .with_variable(_timezone())
        .with_variable(_console())
        .link(
            dashboard.DashboardLink("Console")
            .type(d.DashboardLinkType.LINK)
            .url("${console}/stations/${station:percentencode}")
        )
    )
    for panel in (
        socket_timeline(),
        ongoing_count(),
        ongoing_energy(),
        ongoing_duration(),
        ongoing_sessions(),
        utilisation(),
        success_rate(),
        limits(),
        costs(),
        reservations(),
        latest_errors(),
        sessions_a_day(),
        energy_a_day(),
        *overview(),
    ):
        board = board.with_panel(panel)
    return board.build()


def _station() -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable("station")
        .label("Station")
        .datasource(INFLUX)
        .query('SHOW TAG VALUES FROM "states" WITH KEY = "station"')
        .refresh(d.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(d.VariableSort.ALPHABETICAL_ASC)
    )


def _timezone() -> dashboard.TextBoxVariable:
    return _text_box("timezone", "Time zone of days", "UTC")


def _console() -> dashboard.TextBoxVariable:
    return _text_box("console", "Console", "http://127.0.0.1:8480")


def _text_box(name: str, label: str, value: str) -> dashboard.TextBoxVariable:
    current = d.VariableOption(selected=True, text=value, value=value)
    return dashboard.TextBoxVariable(name).label(label).default_value(value).current(current)


def socket_timeline() -> statetimeline.Panel:
    return (
        statetimeline.Panel()
        .title("Socket events, last 24 hours")
        .description(
            "One band a connector. A gap is a time of which nothing is known; Offline is a statement about the link."
        )
        .datasource(INFLUX)
        .time_from("24h")
        .height(7)
        .span(24)
        .with_target(
            Query(
                f'SELECT "status" FROM "states" WHERE {WINDOW} GROUP BY "evse", "connector"',
                alias="$tag_evse $tag_connector",
            )
        )
        .mappings(state_mappings())
        .insert_nulls(REPEAT_MAX_MS)
        .merge_values(True)
        .no_value("No data")
        .show_value(c.VisibilityMode.AUTO)
        .row_height(0.85)
        .fill_opacity(90)
    )


_ONGOING = (
    'SELECT last("active") AS "active", "energy_wh", "duration_s", "power_w", "session" FROM "ongoing" '
    f'WHERE {WINDOW} GROUP BY "evse", "connector"'
)


def _figure(
    title: str, query: str, unit: str, colour: str, *, span: int = 4, decimals: int = 0, window: str = "2d"
) -> stat.Panel:
    return (
        stat.Panel()
        .title(title)
        .datasource(INFLUX)
        .time_from(window)
        .height(4)
        .span(span)
        .with_target(Query(query, alias="$col"))
        .unit(unit)
        .decimals(decimals)
        .no_value("0" if unit == "none" else "none")
        .color_mode(c.BigValueColorMode.NONE if colour == MUTED else c.BigValueColorMode.VALUE)
        .graph_mode(c.BigValueGraphMode.NONE)
        .thresholds(_thresholds((None, colour)))
    )


def _thresholds(*steps: tuple[float | None, str]) -> dashboard.ThresholdsConfig:
    return (
        dashboard.ThresholdsConfig()
        .mode(d.ThresholdsMode.ABSOLUTE)
        .steps([d.Threshold(value=value, color=colour) for value, colour in steps])
    )


def ongoing_count() -> stat.Panel:
    query = f'SELECT sum("active") AS "Active sessions" FROM ({_ONGOING})'
    return _figure("Ongoing sessions", query, "none", MOVING)


def ongoing_energy() -> stat.Panel:
    query = f'SELECT sum("energy_wh") / 1000 AS "Energy" FROM ({_ONGOING}) WHERE "active" = 1'
    return _figure("Energy of ongoing sessions", query, "kwatth", MUTED, decimals=2)


def ongoing_duration() -> stat.Panel:
    query = f'SELECT max("duration_s") AS "Duration" FROM ({_ONGOING}) WHERE "active" = 1'
    return _figure("Longest ongoing session", query, "s", MUTED)


def ongoing_sessions() -> table.Panel:
    return (
        table.Panel()
        .title("Ongoing sessions, one by one")
        .description("As of their last meter reading.")
        .datasource(INFLUX)
        .time_from("2d")
        .height(4)
        .span(12)
        .with_target(
            Query(
                'SELECT "energy_wh" AS "Energy", "duration_s" AS "Duration", "power_w" AS "Power", "session" AS "Session" '
                f'FROM ({_ONGOING}) WHERE "active" = 1 GROUP BY "evse", "connector"',
                result="table",
            )
        )
        .no_value("No session is under way.")
        .override_by_name("Energy", [set_to("unit", "watth")])
        .override_by_name("Duration", [set_to("unit", "s")])
        .override_by_name("Power", [set_to("unit", "watt")])
        .override_by_name("Time", [set_to("custom.hidden", value=True)])
        .override_by_name("Session", [set_to("links", [link("sessions")])])
    )


def _bars(
    title: str,
    description: str,
    queries: Sequence[Query],
    unit: str,
    *,
    window: str,
    span: int,
    stacked: bool = False,
) -> timeseries.Panel:
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(INFLUX)
        .time_from(window)
        .no_value("Nothing in this time.")
        .height(8)
        .span(span)
        .targets(list(queries))
        .unit(unit)
        .min(0)
        .draw_style(c.GraphDrawStyle.BARS)
        .bar_alignment(c.BarAlignment.AFTER)
        .bar_width_factor(0.8)
        .fill_opacity(80)
        .line_width(0)
        .legend(
            common.VizLegendOptions()
            .show_legend(len(queries) > 1)
            .display_mode(c.LegendDisplayMode.LIST)
            .placement(c.LegendPlacement.BOTTOM)
        )
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(c.StackingMode.NORMAL))
    return panel


def utilisation() -> timeseries.Panel:
    known = '("available_s" + "occupied_s" + "charging_s" + "reserved_s" + "faulted_s" + "unavailable_s" + "offline_s")'
    inner = f'SELECT "charging_s", "occupied_s", {known} AS "open_s" FROM "usage" WHERE {WINDOW} GROUP BY "evse", "connector"'

    def share(of: str) -> str:
        return f'SELECT 100.0 * sum("{of}") / sum("open_s") FROM ({inner}) WHERE $timeFilter GROUP BY time(1d) fill(none) {ZONE}'

    panel = _bars(
        "Utilisation a day, last 7 days",
        "Time in which a socket was charging, and in which it was occupied without charging, of all the time known of it. "
        "The two together are the utilisation.",
        [
            Query(share("charging_s"), ref="A", alias="Charging"),
            Query(share("occupied_s"), ref="B", alias="Occupied, not charging"),
        ],
        "percent",
        window=WEEK,
        span=12,
        stacked=True,
    ).decimals(1)
    for name, colour in (("Charging", MOVING), ("Occupied, not charging", WARNING)):
        panel = panel.override_by_name(name, [set_to("color", {"mode": "fixed", "fixedColor": colour})])
    return panel


def success_rate() -> timeseries.Panel:
    """Two series, so that each day has the colour of its own figure and not of the latest one."""
    inner = f'SELECT sum("success") AS "good", sum("failed") AS "bad" FROM "sessions" WHERE {WINDOW} GROUP BY time(1d) fill(0) {ZONE}'
    rate = f'SELECT 100.0 * "good" / ("good" + "bad") AS "rate" FROM ({inner}) WHERE "good" + "bad" > 0'
    names = ((">= 95", "95 % and more", GOOD), ("< 95", "Below 95 %", BAD))
    panel = (
        _bars(
            "Success rate a day, last 7 days",
            "Successful sessions of all that succeeded or failed, on the day on which they began; the line is 95 %. "
            "Cancelled and rejected attempts do not count.",
            [
                Query(f'SELECT "rate" FROM ({rate}) WHERE "rate" {which}', ref=ref, alias=name)
                for ref, (which, name, _) in zip("AB", names, strict=True)
            ],
            "percent",
            window=WEEK,
            span=12,
        )
        .max(100)
        .decimals(1)
        .thresholds(_thresholds((None, "transparent"), (95, GOOD)))
        .thresholds_style(common.GraphThresholdsStyleConfig().mode(c.GraphThresholdsStyleMode.DASHED))
    )
    for _, name, colour in names:
        panel = panel.override_by_name(name, [set_to("color", {"mode": "fixed", "fixedColor": colour})])
    return panel


def _fixed(colour: str) -> dashboard.FieldColor:
    return dashboard.FieldColor().mode(d.FieldColorModeId.FIXED).fixed_color(colour)


def latest_errors() -> table.Panel:
    return (
        table.Panel()
        .title("Latest errors, last 7 days")
        .description(
            "Error codes of sockets, CALLERRORs, security events, and frames that are no proper OCPP."
        )
        .datasource(INFLUX)
        .time_from(WEEK)
        .height(8)
        .span(24)
        .with_target(
            Query(
                'SELECT "source", "connector", "code", "text", "frame" FROM "errors" '
                f"WHERE {WINDOW} ORDER BY time DESC LIMIT 200",
                result="table",
            )
        )
        .no_value("No error in the last 7 days.")
        .override_by_name("Time", [set_to("unit", "dateTimeAsLocal"), set_to("custom.width", value=180)])
        .override_by_name("source", [set_to("custom.width", value=110)])
        .override_by_name("connector", [set_to("custom.width", value=90)])
        .override_by_name(
            "code",
            [set_to("color", {"mode": "fixed", "fixedColor": BAD}), set_to("custom.width", value=220)],
        )
        .override_by_name("frame", [set_to("links", [link("frames")]), set_to("custom.width", value=140)])
    )


def sessions_a_day() -> timeseries.Panel:
    def of(outcome: str) -> str:
        return f'SELECT sum("{outcome}") FROM "sessions" WHERE {WINDOW} GROUP BY time(1d) fill(none) {ZONE}'

    outcomes = (
        ("success", "Succeeded", GOOD),
        ("failed", "Failed", BAD),
        ("cancelled", "Cancelled", MUTED),
        ("rejected", "Rejected", WARNING),
    )
    panel = _bars(
        "Sessions a day, last 30 days",
        "By outcome, on the day on which they began.",
        [
            Query(of(outcome), ref=ref, alias=name)
            for ref, (outcome, name, _) in zip("ABCD", outcomes, strict=True)
        ],
        "none",
        window=MONTH,
        span=12,
        stacked=True,
    ).decimals(0)
    for _, name, colour in outcomes:
        panel = panel.override_by_name(name, [set_to("color", {"mode": "fixed", "fixedColor": colour})])
    return panel


def energy_a_day() -> timeseries.Panel:
    query = (
        f'SELECT sum("energy_wh") / 1000 FROM "sessions" WHERE {WINDOW} GROUP BY time(1d) fill(none) {ZONE}'
    )
    return _bars(
        "Energy a day, last 30 days",
        "Of sessions that ended, on the day on which they began.",
        [Query(query, alias="Energy")],
        "kwatth",
        window=MONTH,
        span=12,
    ).color_scheme(_fixed(MOVING))


def overview() -> list[stat.Panel]:
    """Sessions overview of the last 30 days: sessions that succeeded."""
    succeeded = f'FROM "sessions" WHERE {WINDOW} AND "success" = 1'
    figures = (
        ("Sessions, 30 days", f'SELECT count("energy_wh") AS "Sessions" {succeeded}', "none", 0, 5),
        (
            "Sessions a day, 30 days",
            f'SELECT count("energy_wh") / {MONTH_DAYS} AS "Sessions" {succeeded}',
            "none",
            1,
            4,
        ),
        ("Average duration, 30 days", f'SELECT mean("duration_s") AS "Duration" {succeeded}', "s", 0, 5),
        (
            "Average energy, 30 days",
            f'SELECT mean("energy_wh") / 1000 AS "Energy" {succeeded}',
            "kwatth",
            1,
            5,
        ),
        ("Total energy, 30 days", f'SELECT sum("energy_wh") / 1000 AS "Energy" {succeeded}', "kwatth", 1, 5),
    )
    return [
        _figure(title, query, unit, MUTED, span=span, decimals=decimals, window=MONTH)
        for title, query, unit, decimals, span in figures
    ]
