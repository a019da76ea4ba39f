"""Kinds of values in the registry's files: times, zones, identities, amounts; each with a sentence for what is none. Pure."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from nocwatch.registry.hours import opened

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def _clock(value: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d|24:00", value):
        raise ValueError(f"{value!r} is no time of day; write 06:00 or 22:30")
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{value!r} is no time zone; write one of the IANA names, such as Europe/Berlin"
        ) from None
    return value


def _moment(value: object) -> datetime:
    """A date means its midnight; a moment without an offset is refused, because a fine can hang on it."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value!r} is no moment; write 2026-05-01T00:00:00Z") from None
    if isinstance(value, datetime):
        # PyYAML hands a moment with an offset over as UTC without one only for the suffix-less form.
        if value.tzinfo is None:
            raise ValueError("this moment needs its offset: 2026-05-01T00:00:00Z or +02:00")
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise ValueError(f"{value!r} is no moment; write 2026-05-01T00:00:00Z")


def _opening(value: str) -> str:
    """What is not understood closes nothing, and may be right elsewhere; hours that no day has are a slip of the pen."""
    for span in re.findall(r"\d?\d:\d\d\s*-\s*\d?\d:\d\d", value):
        opened((), span)
    return value


TimeOfDay = Annotated[str, AfterValidator(_clock)]
OpeningHours = Annotated[str, AfterValidator(_opening)]
TimeZone = Annotated[str, AfterValidator(_zone)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
Identity = Annotated[str, Field(min_length=1, max_length=255)]
Amount = Annotated[Decimal, Field(ge=0, le=10**9, decimal_places=9)]
"""Money is decimal: what is written is what is reckoned with."""
Factor = Annotated[Decimal, Field(ge=0, le=10**9, decimal_places=9)]
Divisor = Annotated[Decimal, Field(gt=0, le=10**9, decimal_places=9)]
"""What something is divided by, or rounded to."""


class Record(BaseModel):
    """What all records share: an unknown key is a mistake, not a wish."""

    model_config = ConfigDict(extra="forbid", frozen=True)
