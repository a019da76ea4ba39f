"""What was planned for a station's sessions, and what they were said to cost: panels of the charger dashboard. One function a panel."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common, table, timeseries
from grafana_foundation_sdk.models import common as c
from influxql import INFLUX, Query
from look import MOVING, WARNING
from parts import WEEK, WINDOW, link, set_to

_GROUP = 'GROUP BY "evse", "connector"'


def limits() -> timeseries.Panel:
    """Steps, since a limit holds until the next one. ``limited`` is asked for with it: where it is 0 the limit is null, and the line ends."""
    series = "$tag_evse $tag_connector"
    panel = (
        timeseries.Panel()
        .title("Power and what limits it, last 24 hours")
        .description(
            "What each socket draws, and what the charging profiles of its session allow. A line of a limit ends with its session; "
            "limits in ampere are those of each phase."
        )
        .datasource(INFLUX)
        .time_from("24h")
        .no_value("Nothing was drawn and nothing limited.")
        .height(8)
        .span(24)
        .targets(
            [
                Query(
                    f'SELECT "power_w" FROM "samples" WHERE {WINDOW} {_GROUP}',
                    ref="A",
                    alias=f"{series} power",
                ),
                *(
                    Query(
                        f'SELECT "limited", "{field}" FROM "limits" WHERE {WINDOW} {_GROUP}',
                        ref=ref,
                        alias=f"{series} $col",
                    )
                    for ref, field in (("B", "limit_w"), ("C", "limit_a"))
                ),
            ]
        )
        .unit("watt")
        .min(0)
        .draw_style(c.GraphDrawStyle.LINE)
        .show_points(c.VisibilityMode.AUTO)
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(c.LegendDisplayMode.LIST)
            .placement(c.LegendPlacement.BOTTOM)
        )
    )
    stepped = [
        set_to("custom.lineInterpolation", "stepAfter"),
        set_to("custom.lineStyle", {"fill": "dash", "dash": [6, 4]}),
        set_to("custom.spanNulls", value=False),
        set_to("color", {"mode": "fixed", "fixedColor": WARNING}),
    ]
    return (
        panel.override_by_regexp("/ power$/", [set_to("color", {"mode": "fixed", "fixedColor": MOVING})])
        .override_by_regexp("/limit_w$/", stepped)
        .override_by_regexp(
            "/limit_a$/", [*stepped, set_to("unit", "amp"), set_to("custom.axisPlacement", "right")]
        )
        .override_by_regexp(
            "/limited$/", [set_to("custom.hideFrom", {"legend": True, "tooltip": True, "viz": True})]
        )
    )


def _newest(title: str, description: str, query: str, nothing: str) -> table.Panel:
    return (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(INFLUX)
        .time_from(WEEK)
        .height(8)
        .span(12)
        .with_target(Query(f"{query} ORDER BY time DESC LIMIT 200", result="table"))
        .no_value(nothing)
        .override_by_name("Time", [set_to("unit", "dateTimeAsLocal"), set_to("custom.width", value=180)])
        .override_by_name("connector", [set_to("custom.width", value=90)])
        .override_by_name("evse", [set_to("custom.width", value=70)])
        .override_by_name("session", [set_to("links", [link("sessions")]), set_to("custom.width", value=160)])
    )


def costs() -> table.Panel:
    return _newest(
        "Costs as told, last 7 days",
        "What sessions were said to cost, by the CSMS or by the station; with final 1 it is the whole. Not nocwatch's estimate.",
        f'SELECT "evse", "connector", "cost", "currency", "by", "final", "failure", "session" FROM "costs" WHERE {WINDOW}',
        "No cost was told in the last 7 days.",
    )


def reservations() -> table.Panel:
    return _newest(
        "Reservations, last 7 days",
        "What became of each: made, refused, used, cancelled, or its time passed.",
        f'SELECT "evse", "connector", "reservation", "state", "session" FROM "reservations" WHERE {WINDOW}',
        "No reservation in the last 7 days.",
    )
