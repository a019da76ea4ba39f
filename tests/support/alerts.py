"""Flags, places and routes as they occur in the field, for tests of alerts and store."""

from __future__ import annotations

from nocwatch.alerts.settings import AlertSettings
from nocwatch.flags import Blame, Category, Evidence, Flag, FlagState, Severity
from nocwatch.registry.places import Place, Places

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
NOON = 1_763_726_400 * SECOND
"""2025-11-21 12:00 UTC."""

PLACES = Places(
    {
        **{
            f"CP{n}": Place(
                station=f"CP{n}",
                known=True,
                name=f"Depot {n}",
                site="depot",
                site_name="Depot Nord",
                operator="acme",
                team="north",
                vendor="ACME",
                model="X300",
                timezone="Europe/Berlin",
                on_call="north-crew",
            )
            for n in range(1, 6)
        },
        "HB1": Place(
            station="HB1", known=True, name="Harbour 1", site="harbour", site_name="Harbour", operator="acme"
        ),
    }
)


def a_flag(
    name: str = "f1",
    *,
    at_ns: int = NOON,
    station: str | None = "CP1",
    rule: str = "station_offline",
    severity: Severity = Severity.WARNING,
    state: FlagState = FlagState.RAISED,
    key: str | None = None,
    late: bool = False,
    inhibited_by: str = "",
    subject: str = "",
    onset_at_ns: int | None = None,
    session: str | None = None,
    summary: str | None = None,
    category: Category = Category.CONNECTIVITY,
) -> Flag:
    return Flag(
        id=name,
        rule=rule,
        detector=rule,
        category=category,
        severity=severity,
        key=key or station or subject,
        station=station,
        subject=subject,
        session=session,
        state=state,
        onset_at_ns=at_ns if onset_at_ns is None else onset_at_ns,
        at_ns=at_ns,
        summary=summary or f"{station or subject} has had no link for 3 min.",
        advice="Ask the site whether it has power.",
        blame=Blame.NETWORK,
        late=late,
        inhibited_by=inhibited_by,
        evidence=(
            Evidence(text="The socket was reset after 41 s of silence.", at_ns=at_ns, frames=("0-4711-0",)),
        ),
        cleared_because="The station is back." if state is FlagState.CLEARED else "",
    )


def cleared(flag: Flag, at_ns: int) -> Flag:
    import msgspec

    return msgspec.structs.replace(
        flag, state=FlagState.CLEARED, at_ns=at_ns, cleared_because="The station is back."
    )


def alert_settings(**keys: object) -> AlertSettings:
    return AlertSettings.model_validate(keys)
