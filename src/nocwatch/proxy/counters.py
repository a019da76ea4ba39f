"""The relay's own counters since its start: in every tick record, on /metrics, and in the tests."""

from __future__ import annotations

MEANINGS: dict[str, str] = {
    "accepted": "Sockets that a listener accepted.",
    "accept_errors": "Accepts that failed (out of descriptors, aborted by the peer); each was survived.",
    "handshakes_open": "Connections between accept and pair or refusal, now.",
    "handshakes_waiting": "Accepted connections whose handshake has not begun, now.",
    "links_open": "Pairs of station and CSMS, now.",
    "links": "Pairs made.",
    "refused": "Stations refused, by reason.",
    "refusals_untold": "Refusals that were counted and not journaled, because of too many in that second.",
    "addresses_forgotten": "Addresses whose rate was given up for want of room.",
    "closed": "Links ended, by whom and how.",
    "bytes_from_station": "Bytes carried from stations, after the heads.",
    "bytes_from_csms": "Bytes carried from the CSMS, after the heads.",
    "chunks_from_station": "Reads that carried them.",
    "chunks_from_csms": "Reads that carried them.",
    "held_bytes": "Bytes that were read and that their receivers have no room for, now.",
    "stalls": "How often a receiver was full and its sender was no longer read.",
    "recorder_errors": "Chunks that the recorder threw out: seen by nobody, carried all the same.",
    "pump_errors": "Links that ended by a mistake of the relay's own.",
    "draining": "1 while the relay shuts down and waits for its links.",
    "ended": "1 in the last word of a relay that ended because it was asked to, of all its workers.",
    "certificate_renewals": "New certificate files taken over while the relay ran.",
    "certificate_failures": "New certificate files that could not be used; the former ones stayed in force.",
    "certificate_expires_timestamp_seconds": "When a certificate runs out: of a listener, of a CSMS as last seen, or ours for a CSMS (client).",
    "reloads": "Configurations taken over after SIGHUP.",
    "reload_failures": "Configurations that had a mistake; the former one stayed in force.",
    "start_time_seconds": "When the relay started; of several workers, the youngest.",
    "connections_begin": "Upper half of the first number given to a connection: the start in seconds since 2020, or above those before it; of several workers, the highest.",
    "workers": "Relay processes that the configuration asks for.",
    "worker_up": "1 while that worker carries bytes; only where there are several.",
    "worker_draining": "1 while it is ending, and waits for its links.",
    "worker_links_open": "Pairs of station and CSMS that it has, now.",
    "worker_restarts": "How often it ended unasked and was started again.",
    "upstream_up": "0 while the last dial of that CSMS failed.",
    "journal_records": "Records written to the journal.",
    "journal_bytes": "Bytes of data in them.",
    "journal_blocks": "Blocks written.",
    "journal_written_bytes": "Bytes written to the disk.",
    "journal_segments": "Segments begun.",
    "journal_syncs": "Times that the disk was asked to make it last.",
    "journal_buffered_bytes": "Bytes that wait in memory for the disk, now.",
    "journal_dropped_records": "Observations lost because the disk was full or slow; their bytes were carried all the same.",
    "journal_dropped_bytes": "Bytes of data in them.",
    "journal_dropped_timestamp_seconds": "When the last of them was lost; 0: none since the start.",
    "journal_write_errors": "Writes, syncs and deletions that the disk refused.",
    "journal_torn_bytes": "Bytes of an unfinished write that were cut off at the start.",
    "journal_expired_segments": "Segments deleted by age or size.",
    "journal_expired_bytes": "Bytes of them.",
}
"""What each counter means: the HELP lines of the relay's /metrics, and what docs/metrics.md is tested against."""


class Counters:
    """Plain integers that only the relay's one thread writes.

    Attributes:
        accepted: sockets that a listener accepted.
        accept_errors: failed accepts (out of descriptors, aborted by the peer), each survived.
        handshakes_open: connections between accept and pair or refusal, now.
        handshakes_waiting: accepted connections whose handshake has not begun, now.
        links_open: pairs, now.
        links: pairs since the start.
        refused: how many were refused, by bounded reason (``Flaw``, ``upstream_refused``, ``answer_401`` and so on).
        refusals_untold: how many of them the journal was not told of.
        addresses_forgotten: addresses whose rate was given up for want of room.
        closed: how many links ended, by ``<by>_<reason>``.
        bytes_from_station, bytes_from_csms: carried after the heads.
        chunks_from_station, chunks_from_csms: reads that carried them.
        held_bytes: read, and not yet sent because the receiver is full, now.
        stalls: how often a receiver was full and its sender was no longer read.
        recorder_errors: calls that the recorder threw out.
        pump_errors: links that ended by an error of the relay's own.
    """

    __slots__ = (
        "accept_errors",
        "accepted",
        "addresses_forgotten",
        "bytes_from_csms",
        "bytes_from_station",
        "chunks_from_csms",
        "chunks_from_station",
        "closed",
        "handshakes_open",
        "handshakes_waiting",
        "held_bytes",
        "links",
        "links_open",
        "pump_errors",
        "recorder_errors",
        "refusals_untold",
        "refused",
        "stalls",
    )

    def __init__(self) -> None:
        self.accepted = self.accept_errors = self.handshakes_open = self.links_open = self.links = 0
        self.bytes_from_station = self.bytes_from_csms = self.chunks_from_station = self.chunks_from_csms = 0
        self.handshakes_waiting = self.held_bytes = 0
        self.stalls = self.recorder_errors = self.pump_errors = 0
        self.refusals_untold = self.addresses_forgotten = 0
        self.refused: dict[str, int] = {}
        self.closed: dict[str, int] = {}

    def count_cut(self) -> None:
        """Counts as refused whom the end of the relay cut off: in a handshake, or waiting for one.

        Called when no handshake runs any more: who was accepted and is neither a link nor refused by then was cut.
        """
        cut = self.accepted - self.links - sum(self.refused.values())
        if cut > 0:
            self.refused["shutting_down"] = cut

    def flat(self) -> dict[str, int]:
        """Name → value, as a tick holds them: ``refused_<reason>`` and ``closed_<by>_<reason>`` for the tables."""
        result: dict[str, int] = {}
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, dict):
                result.update({f"{name}_{key}": count for key, count in value.items()})
            else:
                result[name] = value
        return result
