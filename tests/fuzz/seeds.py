"""Where a fuzzer begins: of each target a few inputs that already reach deep, so that it need not guess HTTP or JSON."""

from __future__ import annotations

_HEAD = b"GET //ocpp/%43P%201/?a=%2f HTTP/1.1\r\nhOsT:relay\r\nAuthorization: Basic \xff\xfe\r\nX-Order: 1\r\nContent-Length: 0\r\n\r\nmore"
_ALL = bytes(range(256))

SEEDS: dict[str, tuple[bytes, ...]] = {
    "request": (
        b"\0" + _HEAD,
        b"\x04\x00\x01\x02\x03" + _HEAD,
        b"\0GET http://h/x HTTP/1.0\r\nTransfer-Encoding: x\r\n\r\n",
        b"\0GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
    ),
    "answer": (
        b"\x001 401 No\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: 2\r\n\r\n3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\nrest",
        b"\x001 101 S\r\nSec-WebSocket-Protocol: ocpp1.6\r\nSec-WebSocket-Extensions: a\r\n\r\nx",
        b"\x000 503 \n\nuntil the end",
    ),
    "frames": tuple(bytes([way]) + b"\x02\x01\x04" + bytes([step]) + _ALL[:90] for way in range(12) for step in range(9)),
    "tap": tuple(_ALL[start:] + _ALL[:start] for start in range(0, 250, 25)),
    "gate": (
        b'[2,"1","Authorize",{"idTag":"X","idTag":""}]',
        b'[2,"1","A",{"variable":{"name":"VIN"},"variableAttribute":[{"value":"x"}],"key":"AuthorizationKey","value":"s"}]',
        b'[2,"1","A",{"url":"ftp://u:p@h","t":"idTag=x","reasonCode":"","additionalInfo":"s","vpn":{"user":"x"},"data":[1]}]',
    ),
    "envelope": (b'[2,"1","Heartbeat",{}]', b'[4,1,"InternalError","why",{}]', b'[3,"1",{}]', b'[ 6, "1", "A", null ]'),
    "talk": tuple(_ALL[start:] + _ALL[:start] for start in range(0, 250, 25)),
    "growth": (
        *(bytes([reader, 3]) + b"abc\x02ad\n" for reader in range(16)),
        bytes([5, 0, 4]) + b"a://@",
        bytes([5, 3]) + b"abc\x08password ",
    ),
}  # fmt: skip
