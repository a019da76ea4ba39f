"""permessage-deflate (RFC 7692) for a listener: negotiated terms, and an inflater whose state is plain bytes.

An inflater keeps no zlib object between messages, only the last output that the sender may refer back to. So it can be
snapshotted, a quiet connection costs its window and no more, and a message never costs more than ``output_max`` bytes.

What always holds: bytes that are given out as known were really sent. Where output was missed (a gap, an error), the
missing part of the window is NUL; text with a NUL copied into it is ``LOST_CONTEXT`` and not text, for JSON has none.
"""

from __future__ import annotations

import zlib

import msgspec

WINDOW_BYTES_MAX = 32768
"""Deflate's largest distance (RFC 1951, 3.2.5)."""
UNKNOWN = bytes(WINDOW_BYTES_MAX)
"""A window of which nothing is known; shared by all inflaters that lost theirs."""
FINAL_BLOCKS_MAX = 64
"""Blocks marked final in one message (RFC 7692, 7.2.3.4 allows them): each costs a new zlib object. Real senders use one."""

TAIL = b"\x00\x00\xff\xff"
"""What a sender leaves out at the end of each message (RFC 7692, 7.2.1)."""

_LAST_BLOCK = b"\x01\x00\x00\xff\xff"
"""An empty block marked final: only where blocks end is it one."""

DEFLATE_ERROR = "deflate_error"
TOO_LONG = "too_long"
LOST_CONTEXT = "lost_context"


class Terms(msgspec.Struct, frozen=True):
    """What was agreed for one direction. Without ``takeover`` each message stands alone."""

    takeover: bool = True
    window_bytes: int = WINDOW_BYTES_MAX


def negotiated(extensions: str) -> tuple[Terms, Terms] | None:
    """Terms of (station, CSMS) from the CSMS's ``Sec-WebSocket-Extensions``; None where it agreed to no compression.

    A parameter that cannot be read counts as absent: the default decodes all that a narrower term allows.
    """
    for offer in extensions.split(","):
        name, *parameters = (part.strip() for part in offer.split(";"))
        if name.lower() == "permessage-deflate":
            given = dict(_parameter(text) for text in parameters)
            return _terms(given, "client"), _terms(given, "server")
    return None


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip().strip('"')


def _terms(given: dict[str, str], side: str) -> Terms:
    bits = given.get(f"{side}_max_window_bits", "")
    known = bits.isdecimal() and 8 <= int(bits) <= 15
    return Terms(
        takeover=f"{side}_no_context_takeover" not in given,
        window_bytes=1 << max(9, int(bits)) if known else WINDOW_BYTES_MAX,  # zlib, asked for 8, takes 9
    )


class Inflater(msgspec.Struct):
    """Undoes the compression of one direction.

    Attributes:
        window: last output, at most ``terms.window_bytes``.
        lost: the window may hold unknown bytes.
    """

    terms: Terms
    window: bytes = b""
    lost: bool = False

    def lose(self) -> None:
        """Output was missed: what came before is unknown from here."""
        if self.terms.takeover:
            self.window = UNKNOWN[: self.terms.window_bytes]
            self.lost = True

    def inflate(self, data: bytes, output_max: int) -> tuple[bytes, str]:
        """One message's compressed payload → (output, empty), or (what there is of it, the reason why not all)."""
        output, reason = _inflate(data, self.window, output_max)
        if reason:
            self.lose()
            return output, reason
        if self.terms.takeover:
            size = self.terms.window_bytes
            if len(output) >= size:
                self.window = output[-size:]
            else:
                self.window = self.window[-(size - len(output)) :] + output
        if self.lost:
            known = b"\0" not in output
            self.lost = b"\0" in self.window
            return output, "" if known else LOST_CONTEXT
        return output, ""


def _inflate(data: bytes, window: bytes, output_max: int) -> tuple[bytes, str]:
    output = b""
    for _ in range(FINAL_BLOCKS_MAX):
        if data in {b"", TAIL}:
            return output, ""
        history = (window + output)[-WINDOW_BYTES_MAX:] if output else window
        stream = (
            zlib.decompressobj(-zlib.MAX_WBITS, history) if history else zlib.decompressobj(-zlib.MAX_WBITS)
        )
        try:
            output += stream.decompress(data, output_max + 1 - len(output))
            if len(output) > output_max or stream.unconsumed_tail:
                return output[:output_max], TOO_LONG
            if not stream.eof:
                return output, "" if _ends_well(stream, data) else DEFLATE_ERROR
        except zlib.error:
            return output, DEFLATE_ERROR
        data = stream.unused_data
    return output, DEFLATE_ERROR


def _ends_well(stream: zlib._Decompress, data: bytes) -> bool:
    """Whether a message's blocks end where it ends.

    A message cut short would otherwise be taken for a whole one, and what is put behind it even for a part of it. A
    proper one never ends in 0xFF, so one that does in the tail is from a sender that did not take it off.
    """
    if not data.endswith(TAIL) and stream.decompress(TAIL, 1):
        return False
    return not stream.eof and not stream.decompress(_LAST_BLOCK, 1) and stream.eof
