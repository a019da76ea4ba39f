"""Logging for people where there is a terminal, as JSON lines where there is none. To standard error, always.

What always holds: to log never raises. Standard error may be a file on the disk that is full, or a pipe whose reader is
gone, and a sentence about a charger must not cost the charger its link. A line that cannot be written is dropped, and
the next one that can be says how many there were (``lines_dropped``).
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog


class UnfailingStream:
    """A text stream that drops what its file refuses. The part of a file that ``structlog.PrintLogger`` uses.

    Attributes:
        dropped: lines since the last that could be written.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.dropped = 0

    def write(self, text: str) -> int:
        try:
            self._file.write(text)
            self._file.flush()
        except (OSError, ValueError):  # ValueError: it is closed
            self.dropped += 1
        else:
            self.dropped = 0
        return len(text)

    def flush(self) -> None:
        """Nothing waits here: each line was flushed, or dropped."""

    def own_up(
        self, _logger: object, _method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        """A processor of structlog's: the line says what was lost before it."""
        if self.dropped:
            event["lines_dropped"] = self.dropped
        return event


def configure(process: str, *, verbose: bool = False) -> None:
    """Sets up structlog for this process; ``process`` stands in every line."""
    terminal = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(pad_event_to=32) if terminal else structlog.processors.JSONRenderer()
    )
    stream = UnfailingStream(sys.stderr)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            stream.own_up,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(stream),  # type: ignore[arg-type]  # it asks for write and flush only
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
