"""Answer heads of a CSMS, where their bodies end, and the relay's own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nocwatch.proxy.answers import AnswerHead, Body, Framing, find_answer, own_answer, parse_answer


def parsed(raw: bytes) -> AnswerHead:
    answer = parse_answer(raw)
    assert answer is not None
    return answer


def test_what_the_csms_chose_is_read_off_its_answer() -> None:
    answer = parsed(
        b"HTTP/1.1 101 Whatever\r\nsec-websocket-PROTOCOL:  ocpp2.0.1 \r\n"
        b"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\nSec-WebSocket-Extensions: x\r\n\r\n"
    )
    assert answer.status == 101
    assert answer.subprotocol == "ocpp2.0.1"
    assert answer.extensions == "permessage-deflate; server_no_context_takeover, x"
    assert answer.framing is Framing.NONE


@pytest.mark.parametrize(
    "raw", [b"HTTP/1.1 204\r\n\r\n", b"HTTP/1.0 200 \n\n", b"HTTP/1.1 599 X\r\n\xff: \xfe\r\n\r\n"]
)
def test_sloppy_answers_are_still_answers(raw: bytes) -> None:
    assert find_answer(raw) == len(raw)
    assert parsed(raw).raw == raw


@pytest.mark.parametrize("raw", [b"HTTP/1.1 99 X\r\n\r\n", b"HTTP/1.1 2000 X\r\n\r\n", b"HTTP/1.1\r\n\r\n"])
def test_a_status_line_that_is_none_is_no_answer(raw: bytes) -> None:
    assert parse_answer(raw) is None


def test_garbage_shows_at_its_first_bytes() -> None:
    with pytest.raises(ValueError, match="no HTTP"):
        find_answer(b"HTT\x00")
    with pytest.raises(ValueError, match="no HTTP"):
        find_answer(b"SSH-2.0-OpenSSH")
    assert find_answer(b"HTT") is None
    assert find_answer(b"") is None


@pytest.mark.parametrize(
    ("headers", "body", "belongs"),
    [
        (b"Content-Length: 5\r\n", b"hellomore", 5),
        (b"Content-Length: 0\r\n", b"more", 0),
        (b"", b"until the end", 13),
        (b"Content-Length: 5\r\nContent-Length: 6\r\n", b"hello", 5),
        (b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\nmore", 32),
        (b"Transfer-Encoding: chunked\r\n", b"1\r\na\r\n0\r\nX: y\r\n\r\nHTTP/1.1", 17),
        (b"Transfer-Encoding: gzip, chunked\r\nContent-Length: 2\r\n", b"1\na\n0\n\n+", 7),
        (b"Transfer-Encoding: gzip\r\n", b"anything", 8),
    ],
)
def test_a_body_ends_where_it_ends_however_it_is_cut(headers: bytes, body: bytes, belongs: int) -> None:
    answer = parsed(b"HTTP/1.1 401 No\r\n" + headers + b"\r\n")
    for size in (1, 2, 3, 7, len(body)):
        scanner = Body(answer)
        taken = sum(scanner.feed(body[at : at + size]) for at in range(0, len(body), size))
        assert taken == belongs
        assert scanner.done is (answer.framing is not Framing.UNTIL_CLOSE)


@pytest.mark.parametrize("body", [b"xyz\r\n", b"-1\r\n", b"1\r\nab\r\n", b"\r\n", b"1" * 5000])
def test_broken_chunks_are_an_error_and_no_endless_line(body: bytes) -> None:
    scanner = Body(parsed(b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n"))
    with pytest.raises(ValueError, match="chunk"):
        scanner.feed(body)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.binary(min_size=1, max_size=50)),
    st.lists(st.integers(1, 20), min_size=1),
    st.binary(max_size=20),
)
def test_any_chunked_body_in_any_pieces_ends_at_its_end(
    chunks: list[bytes], sizes: list[int], after: bytes
) -> None:
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    scanner = Body(parsed(b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n"))
    data, taken, at, turn = body + after, 0, 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        taken += scanner.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    assert taken == len(body)
    assert scanner.done


@given(st.binary(max_size=300))
@settings(deadline=None, max_examples=200)
def test_any_bytes_are_an_answer_or_none(data: bytes) -> None:
    raw = b"HTTP/1." + data
    end = find_answer(raw)
    if end is not None:
        parse_answer(raw[:end])


@pytest.mark.parametrize("status", [400, 408, 431, 502, 503, 504])
def test_the_relays_own_answer_says_who_speaks_and_closes(status: int) -> None:
    raw = own_answer(status, "the reason")
    head, body = raw.split(b"\r\n\r\n")
    answer = parsed(head + b"\r\n\r\n")
    assert (answer.status, answer.length) == (status, len(body))
    assert b"Connection: close" in head
    assert body == b"nocwatch relay: the reason\n"
