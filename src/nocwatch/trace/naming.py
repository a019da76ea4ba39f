"""Which of a station's links a line of a trace is of, and which version of OCPP that link speaks. Pure.

Most stations have one link at a time, and then a line says nothing of it. Where a station has several, all but the first are
named by their number: the station's second link since the journal's start is ``2``.

What always holds: of a link that ended nothing is kept, since the tap tells nothing more of it (frames that come behind an end
belong to nobody it can name). So an export of a year holds the links that are open, and one number for each station that ever
had a link, without which a later name would be given twice.
"""

from __future__ import annotations

from collections import Counter

from nocwatch.frames import Link, LinkEvent, Sighting

VERSIONS = {"ocpp1.6": "1.6", "ocpp2.0": "2.0.1", "ocpp2.0.1": "2.0.1", "ocpp2.1": "2.1"}


class Namer:
    """Is told of every sighting (``note``) before it is asked about it. Its length: links that it knows."""

    def __init__(self) -> None:
        self._versions: dict[int, str] = {}
        self._names: dict[int, str] = {}
        self._live: dict[str, set[int]] = {}
        self._count: Counter[str] = Counter()
        self._over: int | None = None

    def __len__(self) -> int:
        return len(self._versions)

    def note(self, sighting: Sighting) -> None:
        if self._over is not None:
            # Only now: the line that told of the end bore the link's name too.
            self._versions.pop(self._over, None)
            self._names.pop(self._over, None)
            self._over = None
        if not isinstance(sighting, Link) or not sighting.connection:
            return
        if sighting.event is LinkEvent.OPEN:
            self._open(sighting)
        elif sighting.event is LinkEvent.CLOSED:
            self._over = sighting.connection
            live = self._live.get(sighting.station, set())
            live.discard(sighting.connection)
            if not live:
                self._live.pop(sighting.station, None)

    def version(self, connection: int) -> str:
        """Empty where it is not known: the link was opened before the journal begins."""
        return self._versions.get(connection, "")

    def name(self, connection: int) -> str | None:
        return self._names.get(connection)

    def _open(self, link: Link) -> None:
        live = self._live.setdefault(link.station, set())
        live.add(link.connection)
        self._versions[link.connection] = VERSIONS.get(link.subprotocol or "", "")
        self._count[link.station] += 1
        if len(live) > 1:
            self._names[link.connection] = str(self._count[link.station])
