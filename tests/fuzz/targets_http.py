"""What must hold of the relay's parsers for every input whatever: request heads, answer heads, and where bodies end."""

from __future__ import annotations

import h11
from tests.fuzz import naive
from tests.fuzz.source import Source, pieces

from nocwatch.proxy.answers import Body, Framing, find_answer, parse_answer
from nocwatch.proxy.handshake import (
    STATION_LENGTH_MAX,
    Flaw,
    RequestHead,
    find_head,
    identity_of,
    parse_request,
)

SIZE_MAX = 2048


def read_request(received: bytes, cuts: list[bytes]) -> RequestHead | Flaw | None:
    """As the relay reads it: piece by piece, and no byte is searched twice."""
    sofar, searched = bytearray(), 0
    for piece in cuts:
        sofar += piece
        found = find_head(sofar, SIZE_MAX, searched)
        searched = len(sofar)
        if found is not None:
            return found if isinstance(found, Flaw) else parse_request(bytes(sofar[:found]))
    return None


def request(data: bytes) -> None:
    """Whole or in pieces, two parsers, three readings: one answer. And only the Host changes on its way."""
    source = Source(data)
    plan, received = Source(source.take(source.number(12))), source.rest()
    found = find_head(received, SIZE_MAX)
    whole = (
        parse_request(received[:found]) if isinstance(found, int) and not isinstance(found, Flaw) else found
    )
    parts = read_request(received, pieces(received, plan))
    if isinstance(whole, RequestHead):
        assert parts == whole, (parts, whole)
    elif isinstance(whole, Flaw):
        assert isinstance(parts, Flaw), (parts, whole)
    else:
        assert parts is None, parts
    end = received.find(b"\r\n\r\n")
    plain = naive.request(received[: end + 4]) if 0 <= end <= SIZE_MAX - 4 else None
    assert (plain is None) == (not isinstance(whole, RequestHead)), (whole, plain)
    if plain is None or not isinstance(whole, RequestHead):
        return
    _agree(whole, plain)
    _rewritten(whole, plain)
    _as_h11_reads_it(whole, plain)


def _agree(head: RequestHead, plain: naive.Request) -> None:
    assert head.target.decode("latin-1") == plain.target
    assert head.path == plain.path
    assert head.authorization == plain.scheme
    host = None if head.host_at is None else head.raw[slice(*head.host_at)].decode("latin-1")
    assert host == plain.host, (host, plain.host)
    try:
        identity = plain.octets.decode()
    except UnicodeDecodeError:
        identity = plain.octets.decode("latin-1")
    if len(identity) <= STATION_LENGTH_MAX:
        assert head.station == identity
    assert len(head.station) <= STATION_LENGTH_MAX
    assert identity_of(head.path) == head.station


def _rewritten(head: RequestHead, plain: naive.Request) -> None:
    assert head.rewritten(None) == head.raw
    changed = head.rewritten(b"csms.example:9000", b"/tenant")
    if len(changed) > SIZE_MAX:
        return
    again = naive.request(changed)
    assert again is not None, changed
    assert again.host == (None if plain.host is None else "csms.example:9000")
    assert again.path == "/tenant" + plain.path, (again.path, plain.path)
    back = parse_request(changed)
    assert isinstance(back, RequestHead)
    if head.host_at is not None:
        start, _ = back.host_at or (0, 0)
        restored = changed[:start] + head.raw[slice(*head.host_at)] + changed[start + 17 :]
        assert restored.replace(b"/tenant", b"", 1) == head.raw


def _as_h11_reads_it(head: RequestHead, plain: naive.Request) -> None:
    """A head that both take, both read alike: what passes us is no other request to who is behind us."""
    server = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    server.receive_data(head.raw)
    try:
        event = server.next_event()
    except h11.RemoteProtocolError:
        return  # stricter than we are: a head without Host, a target with odd letters
    assert isinstance(event, h11.Request)
    assert (event.method, event.target) == (b"GET", head.target)
    hosts = [value for name, value in event.headers if name == b"host"]
    assert hosts == ([] if plain.host is None else [plain.host.encode("latin-1")])
    assert isinstance(server.next_event(), h11.EndOfMessage)
    assert server.trailing_data[0] == b"", "h11 sees bytes behind the head"


def answer(data: bytes) -> None:
    """An answer is found alike however it is cut, and its body ends where another parser says it ends."""
    source = Source(data)
    plan, received = Source(source.take(source.number(12))), b"HTTP/1." + source.rest()
    end = find_answer(received)
    sofar, found = b"", None
    for piece in pieces(received, plan):
        sofar += piece
        found = find_answer(sofar)
        if found is not None:
            break
    assert found == end, (found, end)
    if end is None:
        return
    head = parse_answer(received[:end])
    if head is None:
        return
    assert 100 <= head.status <= 599
    assert head.raw == received[:end]
    body = received[end:]
    taken, broken = _measured(Body(head), [body])
    parts, broken_in_parts = _measured(Body(head), pieces(body, plan))
    assert broken == broken_in_parts
    if not broken:
        assert taken == parts, (taken, parts)
    if head.framing is not Framing.NONE and not broken:
        _as_h11_measures_it(head.raw, body, taken)


def _measured(body: Body, cuts: list[bytes]) -> tuple[int, bool]:
    taken = 0
    try:
        for piece in cuts:
            count = body.feed(piece)
            assert 0 <= count <= len(piece)
            assert body.done or count == len(piece), "bytes were left although the body goes on"
            taken += count
    except ValueError:
        return taken, True
    return taken, False


def _as_h11_measures_it(raw: bytes, body: bytes, taken: int) -> None:
    client = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(raw + body)
    try:
        while True:
            event = client.next_event()
            if event is h11.NEED_DATA or isinstance(event, h11.InformationalResponse):
                return
            if isinstance(event, h11.EndOfMessage):
                break
    except h11.RemoteProtocolError:
        return
    rest, _ = client.trailing_data
    assert len(body) - len(rest) == taken, (len(body) - len(rest), taken)
