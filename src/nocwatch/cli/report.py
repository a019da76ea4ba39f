"""``nocwatch report``: what stands in the store, as tables for people, spreadsheets and programs. The commands hang on ``app``.

What always holds: the store is only read, in short pieces, while the watch goes on writing to it.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from nocwatch.errors import NocwatchError

app = typer.Typer(help="Reports from the store (docs/reports.md).", no_args_is_help=True)

FromOption = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="T", help="A day (2026-11-01) or RFC 3339; from the beginning without it."
    ),
]
ToOption = Annotated[
    str | None,
    typer.Option("--to", metavar="T", help="A day, which is then within it, or RFC 3339, which is not."),
]
TimezoneOption = Annotated[
    str | None,
    typer.Option(
        metavar="ZONE", help="Time zone of days and of times that are shown, such as Europe/Berlin."
    ),
]


def zone(name: str | None) -> ZoneInfo:
    """UTC where none is named.

    Raises:
        NocwatchError: there is no such time zone.
    """
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise NocwatchError(
            f"--timezone {name}: there is no such time zone; write one such as Europe/Berlin"
        ) from None


def window(from_: str | None, to: str | None, timezone: str | None) -> tuple[int | None, int | None]:
    """``--from`` and ``--to`` as nanoseconds, the second exclusive. A day begins at its midnight in the time zone.

    Raises:
        NocwatchError: one is no moment, or they are the wrong way round.
    """
    local = zone(timezone)
    from_ns, until_ns = _moment(from_, "--from", local, 0), _moment(to, "--to", local, 1)
    if from_ns is not None and until_ns is not None and from_ns >= until_ns:
        raise NocwatchError("--from is not before --to: there is nothing between them")
    return from_ns, until_ns


def _moment(text: str | None, option: str, local: ZoneInfo, days: int) -> int | None:
    from nocwatch.cli.replaying import moment
    from nocwatch.moments import SECOND_NS

    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return moment(text, option)
    try:
        midnight = datetime(day.year, day.month, day.day, tzinfo=local) + timedelta(days=days)
        return int(midnight.timestamp()) * SECOND_NS
    except (OverflowError, ValueError):
        raise NocwatchError(f"{option} {text}: no calendar reaches that far") from None
