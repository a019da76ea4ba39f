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
    "proxy_header": (
        b"\0\0\0PROXY TCP4 203.0.113.7 10.0.0.1 51234 9000\r\nGET /",
        b"\1\0\0PROXY TCP6 2001:db8::7 ::ffff:10.0.0.1 51234 9000\r\n",
        b"\0\0\0PROXY UNKNOWN whatever\r\n",
        b"\0\0\0\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\xcb\0\x71\x07\x0a\0\0\1\xc8\x22\x23\x28\4\0\0GET /",
        b"\2\1\5\0\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24" + bytes(36),
        b"\0\0\0\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
    ),
    "forwarded": (
        b"\0\0\x011.2.3.4, 10.0.0.2:80, [2001:db8:1::9]:1",
        b'\1\1\1for=192.0.2.60;proto=http;by="[::1]", for="_h\\",", for=10.0.0.3\r\nForwarded: for="10.0.0.4:1"',
        b'\1\0\1for="open, for=1.1.1.1',
    ),
    "credentials": (b"Basic Q1AxOnNlY3JldA==", b"bEaReR x", b"Basic /////", b"s3cret", b"Digest username=x"),
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
