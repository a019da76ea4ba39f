"""What an operator may set about the journal: where it lies, how long and how large it is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from nocwatch.quantities import Duration, Size


class JournalSettings(BaseModel):
    """The key ``journal`` of the configuration.

    Attributes:
        path: folder of the journal; made on first use, readable by its owner only.
        keep_for: segments whose last record is older are deleted.
        size_max: bytes of all lanes together; the oldest segments are deleted above it.
        segment_size: bytes after which a new segment is begun. Retention deletes whole segments.
        segment_for: age after which a new segment is begun, so that ``keep_for`` holds where little is said.
        buffer_max: bytes that wait in memory while the disk is slow or full; observations beyond it are dropped and
            counted. 64 MiB is half a minute of 10,000 busy stations.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path = Path("data/journal")
    keep_for: Annotated[Duration, Field(gt=0)] = 14 * 86400.0
    size_max: Annotated[Size, Field(ge=1 << 20)] = 20 << 30
    segment_size: Annotated[Size, Field(ge=64 << 10, le=4 << 30)] = 64 << 20
    segment_for: Annotated[Duration, Field(ge=60)] = 3600.0
    buffer_max: Annotated[Size, Field(ge=64 << 10)] = 64 << 20
