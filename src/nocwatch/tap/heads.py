"""What a WebSocket frame looks like from outside (RFC 6455, 5.2): its numbers, its mask, and how to recognise one.

Pure functions; the decoder that keeps state is ``websocket``.
"""

from __future__ import annotations

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
CONTROL_BYTES_MAX = 125
"""Of a control frame's payload (RFC 6455, 5.5); also the largest length that needs no extension."""
MESSAGE_BYTES_MAX = 1 << 20
"""A whole local list or a full report fits in a fraction of it; more is not looked at."""


def unmask(data: bytes, key: bytes) -> bytes:
    """XOR with the repeated four-byte key (RFC 6455, 5.3), as one operation on long integers."""
    size = len(data)
    pad = (key * ((size + 3) >> 2))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(pad, "little")).to_bytes(size, "little")


def looks_like_start(data: bytes, *, masked: bool, deflate: bool) -> bool:
    """Whether a chunk seems to begin with a frame: what a listener that lost its place goes by.

    A plain text frame must open as an OCPP message does, ``[`` and a digit. Anything else must be a chain of frames that
    ends exactly where the chunk ends.
    """
    position = 0
    size = len(data)
    while position < size:
        head = _plausible_head(data, position, masked=masked, deflate=deflate)
        if head is None:
            return False
        opcode, start, length = head
        if opcode == TEXT and not data[position] & 0x70 and size - start >= 2 and length >= 2:
            first = data[start : start + 2]
            if masked:
                first = unmask(first, data[start - 4 : start])
            return first[:1] == b"[" and first[1:] in b" 23456\n\r\t"
        position = start + length
    return size > 0 and position == size


def _plausible_head(
    data: bytes, position: int, *, masked: bool, deflate: bool
) -> tuple[int, int, int] | None:
    """(opcode, position of the payload, its length), or None where these bytes are no header of a proper frame."""
    if len(data) - position < 2:
        return None
    head, second = data[position], data[position + 1]
    opcode = head & 0x0F
    length = second & 0x7F
    control = opcode >= CLOSE
    bits = head & 0x70
    if opcode > PONG or 2 < opcode < CLOSE or bool(second & 0x80) != masked:
        return None
    if bits and (bits != 0x40 or not deflate or opcode not in {TEXT, BINARY}):
        return None
    if control and (not head & 0x80 or length > CONTROL_BYTES_MAX):
        return None
    start = position + 2
    if length > CONTROL_BYTES_MAX:
        width, least = (2, 126) if length == 126 else (8, 1 << 16)
        length = int.from_bytes(data[start : start + width], "big")
        start += width
        if not least <= length <= MESSAGE_BYTES_MAX:
            return None
    start += 4 if masked else 0
    return (opcode, start, length) if start <= len(data) else None
