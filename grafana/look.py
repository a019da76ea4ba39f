"""The states' colours and signs, the same as in the console and in mails: one language everywhere."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard

STATES: dict[str, tuple[str, str]] = {
    "Available": ("#3fbf7f", "○"),
    "Charging": ("#5aa9ff", "⚡"),
    "Preparing": ("#f2b84b", "◐"),
    "Finishing": ("#f2b84b", "◐"),
    "Occupied": ("#f2b84b", "◐"),
    "SuspendedEV": ("#b99aff", "⏸"),
    "SuspendedEVSE": ("#b99aff", "⏸"),
    "Reserved": ("#45c6cf", "◇"),
    "Unavailable": ("#9aa5b4", "–"),  # noqa: RUF001 - the sign of the look, an en dash
    "Faulted": ("#ff7a6e", "✕"),
    "Offline": ("#7d8896", "⌀"),
}
"""State → colour on the dark ground, sign. What is not here (``No data``) has no colour: a gap."""

GOOD, WARNING, BAD, MUTED, MOVING = "#3fbf7f", "#f2b84b", "#ff7a6e", "#9aa5b4", "#5aa9ff"


def state_mappings() -> list[dashboard.ValueMapping]:
    """Grafana's value mappings: each state with its sign and colour."""
    options = {
        state: dashboard.ValueMappingResult(text=f"{sign} {state}", color=colour, index=index)
        for index, (state, (colour, sign)) in enumerate(STATES.items())
    }
    nothing = dashboard.ValueMappingResult(text="? No data", color="transparent", index=len(options))
    return [dashboard.ValueMap(options=options | {"No data": nothing})]
