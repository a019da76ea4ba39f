"""The store's part of the configuration: where it is and how long it keeps what."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, field_validator

from nocwatch.quantities import Duration

DAY_S = 86_400.0


class StoreSettings(BaseModel):
    """``store:`` of the configuration.

    Attributes:
        url: ``sqlite:///data/nocwatch.db`` (three slashes: below the working directory; four: from the root).
        frames_for: how long frames are kept; InfluxDB, where there is one, keeps them on its own terms.
        samples_for: meter samples: what a session's curve is drawn from.
        states_for: the bands of the socket timeline.
        sessions_for: sessions, flags, alerts, what was sent, and the audit.
        hours_for: hourly sums that KPIs are made from; small, so the longest.
        busy_timeout: how long a write waits for another process before the batch is put off.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = "sqlite:///data/nocwatch.db"
    frames_for: Duration = 30 * DAY_S
    samples_for: Duration = 400 * DAY_S
    states_for: Duration = 400 * DAY_S
    sessions_for: Duration = 1100 * DAY_S
    hours_for: Duration = 1830 * DAY_S
    busy_timeout: Duration = 5.0

    @field_validator("url")
    @classmethod
    def _known(cls, url: str) -> str:
        sqlite_path(url)
        return url


def sqlite_path(url: str) -> Path:
    """The file that a ``sqlite:///`` URL names.

    Raises:
        ValueError: with what would be right.
    """
    scheme, _, rest = url.partition("://")
    if scheme in ("postgres", "postgresql"):
        # What stands behind the scheme may hold a password: it is not repeated.
        raise ValueError("a PostgreSQL store is not there yet; write sqlite:///data/nocwatch.db")
    if scheme != "sqlite":
        raise ValueError(f"{scheme!r} is no kind of store; write sqlite:///data/nocwatch.db")
    path = unquote(rest.removeprefix("/"))
    if not rest.startswith("/") or not path or path == ":memory:":
        raise ValueError(
            "the store needs a file; write sqlite:///data/nocwatch.db, or sqlite:////var/lib/nocwatch.db"
        )
    return Path(path)
