"""Request heads: what passes untouched, what is refused and why, who the station is."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nocwatch.proxy.handshake import Flaw, RequestHead, find_head, identity_of, parse_request, path_of

SIZE_MAX = 64 << 10


def head(*headers: bytes, line: bytes = b"GET /ocpp/CP1 HTTP/1.1") -> bytes:
    return b"\r\n".join([line, *headers, b"", b""])


def parsed(raw: bytes) -> RequestHead:
    request = parse_request(raw)
    assert isinstance(request, RequestHead), request
    return request


def test_only_the_host_value_changes_on_its_way_upstream() -> None:
    raw = head(
        b"uPgRaDe:websocket", b"hOST: \t station.example:80  ", b"Host-Like: station.example:80",
        b"Authorization: Basic \xff\xfe\x80==", b"X-Empty:", b"x-empty:  ",
        line=b"GET //ocpp/%43P%2F1/?q=%20&x=a//b HTTP/1.1",
    )  # fmt: skip
    assert parsed(raw).rewritten(b"csms.example") == raw.replace(
        b"hOST: \t station.example:80  ", b"hOST: \t csms.example  "
    )


def test_host_stays_when_the_operator_keeps_it_and_when_there_is_none() -> None:
    raw = head(b"Host: a")
    assert parsed(raw).rewritten(None) == raw
    without = head(b"Upgrade: websocket")
    assert parsed(without).rewritten(b"csms") == without


def test_the_upstreams_path_goes_before_the_stations_own() -> None:
    request = parsed(head(b"Host: a", line=b"GET //CP%201/?x HTTP/1.0"))
    assert request.rewritten(b"b", b"/steve/ws").startswith(
        b"GET /steve/ws//CP%201/?x HTTP/1.0\r\nHost: b\r\n"
    )
    absolute = parsed(head(line=b"GET http://relay:9000/CP1 HTTP/1.1"))
    assert absolute.rewritten(None, b"/x").startswith(b"GET http://relay:9000/x/CP1 HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("target", "path", "station"),
    [
        (b"/ocpp/CP1", "/ocpp/CP1", "CP1"),
        (b"/ocpp/CP1/", "/ocpp/CP1/", "CP1"),
        (b"///charger", "///charger", "charger"),
        (b"/ocpp/CP%201?token=a/b", "/ocpp/CP%201", "CP 1"),
        (b"/ocpp/ws://host:80/CP_1/SERIAL", "/ocpp/ws://host:80/CP_1/SERIAL", "SERIAL"),
        (b"ws://relay:9000/ocpp/-_", "/ocpp/-_", "-_"),
        (b"/ocpp/a%2Fb", "/ocpp/a%2Fb", "a/b"),
        (b"/ocpp/%C3%9Cber", "/ocpp/%C3%9Cber", "Über"),
        (b"/ocpp/\xc3\x9cber", "/ocpp/Ã\x9cber", "Über"),
        (b"/ocpp/%DCber", "/ocpp/%DCber", "Über"),
        (b"/ocpp/%zz", "/ocpp/%zz", "%zz"),
        (b"/", "/", ""),
        (b"*", "*", "*"),
    ],
)
def test_the_identity_is_the_last_segment_that_is_not_empty(target: bytes, path: str, station: str) -> None:
    assert path_of(target) == path
    assert identity_of(path) == station
    assert parsed(head(line=b"GET " + target + b" HTTP/1.1")).station == station


def test_an_endless_identity_is_shortened_and_stays_distinct() -> None:
    one, two = identity_of("/" + "A" * 5000 + "1"), identity_of("/" + "A" * 5000 + "2")
    assert len(one) < 256
    assert one != two


@pytest.mark.parametrize(
    ("raw", "flaw"),
    [
        (head(b"Content-Length: 5", b"Transfer-Encoding: chunked"), Flaw.SMUGGLING),
        (head(b"Content-Length: 0", b"transfer-encoding : chunked"), Flaw.HEADER),
        (head(b"Transfer-Encoding: chunked"), Flaw.BODY),
        (head(b"Content-Length: 5"), Flaw.BODY),
        (head(b"Content-Length: 0", b"Content-Length: 5"), Flaw.BODY),
        (head(b"Content-Length: +0"), Flaw.BODY),
        (head(b"X-A: b", b" folded"), Flaw.FOLDED),
        (head(b"\tfolded"), Flaw.FOLDED),
        (head(b"Host: a", b"host: b"), Flaw.HOSTS),
        (head(b"Host : a"), Flaw.HEADER),
        (head(b": a"), Flaw.HEADER),
        (head(b"no colon"), Flaw.HEADER),
        (head(b"X-A: b\nX-B: c"), Flaw.LINE_END),
        (head(b"X-A: b\rX-B: c"), Flaw.LINE_END),
        (head(b"X-A: b\x00c"), Flaw.LINE_END),
        (head(line=b"POST /ocpp/CP1 HTTP/1.1"), Flaw.METHOD),
        (head(line=b"GET /ocpp/CP 1 HTTP/1.1"), Flaw.NOT_HTTP),
        (head(line=b"GET /ocpp/CP1 HTTP/2.0"), Flaw.NOT_HTTP),
        (head(line=b"GET  /ocpp/CP1 HTTP/1.1"), Flaw.NOT_HTTP),
        (head(line=b"GET /ocpp/CP1"), Flaw.NOT_HTTP),
    ],
)
def test_what_two_parsers_could_read_in_two_ways_is_refused(raw: bytes, flaw: Flaw) -> None:
    assert parse_request(raw) is flaw


@pytest.mark.parametrize(
    "headers",
    [
        (b"Content-Length: 0",),
        (b"Upgrade: websocket",),  # without Connection: Upgrade, as some stations have it
        (b"X-Nothing:",),
        (b"Authorization: Basic \x80\xff\x01",),
        (),
    ],
)
def test_odd_but_harmless_heads_pass(headers: tuple[bytes, ...]) -> None:
    raw = head(*headers)
    assert parsed(raw).rewritten(None) == raw


def test_the_authorization_is_known_by_its_scheme_only() -> None:
    request = parsed(head(b"Authorization: BaSiC c2VjcmV0"))
    assert request.authorization == "basic"


@pytest.mark.parametrize(
    ("received", "found"),
    [
        (b"", None),
        (b"GET /x HTTP/1.1\r\nHost: a\r\n\r", None),
        (head() + b"more", len(head())),
        (b"\x16\x03\x01\x02\x00\x01", Flaw.NOT_HTTP),
        (b"GET /x HTTP/1.1\n\n", Flaw.NOT_HTTP),
        (b"GET /x HTTP/1.1\r\nHost: a\nX: b", Flaw.LINE_END),
        (b"A" * 40, Flaw.NOT_HTTP),
        (b"GET /" + b"a" * SIZE_MAX, Flaw.TOO_LARGE),
        (head(b"X: " + b"a" * SIZE_MAX), Flaw.TOO_LARGE),
    ],
)
def test_a_head_is_found_or_given_up_as_soon_as_that_shows(received: bytes, found: int | Flaw | None) -> None:
    assert find_head(received, SIZE_MAX) == found


@settings(deadline=None, max_examples=200)
@given(
    st.binary(max_size=200)
    | st.lists(
        st.sampled_from([b"GET / HTTP/1.1", b"\r\n", b"\n", b"\r", b"A: b", b"Host: x", b" ", b"\x00"])
    ).map(b"".join),
    st.data(),
)
def test_any_bytes_in_any_pieces_are_a_head_or_a_flaw_and_never_an_exception(
    data: bytes, draw: st.DataObject
) -> None:
    cut = draw.draw(st.integers(0, len(data)))
    first = find_head(data[:cut], SIZE_MAX)
    found = find_head(data, SIZE_MAX, 0 if first else cut)
    if first is None:
        assert (found == find_head(data, SIZE_MAX)) or isinstance(found, Flaw)
    if isinstance(found, int):
        request = parse_request(data[:found])
        if isinstance(request, RequestHead):
            assert request.rewritten(None) == data[:found]
            again = parse_request(request.rewritten(b"other.example", b"/prefix"))
            assert isinstance(again, RequestHead)
            assert again.path.endswith(request.path)


def test_blanks_in_the_midst_of_a_value_keep_nobody_waiting() -> None:
    """A stranger's head of 64 KiB once held every link of the relay for ten seconds."""
    blanks = b" \t" * 30_000
    raw = head(b"Host:" + blanks + b"a" + blanks, b"X: a" + blanks[:2000] + b"b")
    since = time.process_time()
    request = parsed(raw)
    parsed(head(b"X: a" + blanks + b"b"))
    assert time.process_time() - since < 0.5
    assert request.rewritten(b"c") == raw.replace(b"\ta \t", b"\tc \t", 1)
