"""WebSocket bytes as tests need them: written by hand where no library would write them so wrongly."""

from __future__ import annotations

import zlib

from websockets.utils import apply_mask

KEY = b"\x11\x22\x33\x44"


def frame(
    payload: bytes = b"", opcode: int = 1, *, final: bool = True, masked: bool = True, reserved: int = 0
) -> bytes:
    """One frame; ``masked`` as a station sends it."""
    head = bytes([(0x80 if final else 0) | reserved | opcode])
    mask = 0x80 if masked else 0
    if len(payload) < 126:
        head += bytes([mask | len(payload)])
    elif len(payload) < 1 << 16:
        head += bytes([mask | 126]) + len(payload).to_bytes(2, "big")
    else:
        head += bytes([mask | 127]) + len(payload).to_bytes(8, "big")
    if not masked:
        return head + payload
    return head + KEY + apply_mask(payload, KEY)


class Deflater:
    """A sender's side of permessage-deflate."""

    def __init__(self, *, takeover: bool = True, bits: int = 15) -> None:
        self.takeover = takeover
        self.bits = bits
        self._stream = zlib.compressobj(wbits=-bits)

    def __call__(self, text: bytes) -> bytes:
        data = self._stream.compress(text) + self._stream.flush(zlib.Z_SYNC_FLUSH)
        if not self.takeover:
            self._stream = zlib.compressobj(wbits=-self.bits)
        return data.removesuffix(b"\x00\x00\xff\xff")


def chunked(data: bytes, sizes: list[int]) -> list[bytes]:
    """``data`` cut into pieces of these sizes, again and again; what no size is left for is one piece."""
    out = []
    position = 0
    for size in sizes:
        if position >= len(data):
            break
        out.append(data[position : position + size])
        position += size
    if position < len(data):
        out.append(data[position:])
    return out
