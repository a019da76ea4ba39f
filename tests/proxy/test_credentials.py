"""What is recorded of a handshake's credentials: the scheme, a hash of the name, and never the secret."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nocwatch.proxy.credentials import USER_BYTES_MAX, hashed_user, scheme_of, user_of
from nocwatch.tap.gate import Gate

KEY = b"k" * 32


def basic(pair: bytes) -> bytes:
    return b"Basic " + base64.b64encode(pair)


@pytest.mark.parametrize(
    ("value", "scheme"),
    [
        (b"Basic Q1AxOnNlY3JldA==", "basic"),
        (b"bAsIc\tQ1AxOnNlY3JldA==", "basic"),
        (b"Bearer abc", "bearer"),
        (b"Q1AxOnNlY3JldA==", "other"),
        (b"hunter2", "other"),
        (b"\xff\xfe", "other"),
        (b"Basic", "basic"),
        (b"", ""),
    ],
)
def test_a_scheme_is_told_only_where_it_is_one(value: bytes, scheme: str) -> None:
    assert scheme_of(value) == scheme


@pytest.mark.parametrize(
    ("value", "user"),
    [
        (basic(b"CP1:secret"), "CP1"),
        (basic(b"CP1:"), "CP1"),
        (basic(b"CP1:a:b"), "CP1"),
        (basic(b"CP1:\xff\xfe\x80"), "CP1"),
        (basic(b"\xff:x"), "ÿ"),
        (basic("Über:x".encode()), "Über"),
        (b"Basic   " + base64.b64encode(b"CP1:secret") + b" ", "CP1"),
        (b"Basic " + base64.b64encode(b"CP1:secret").rstrip(b"="), "CP1"),
        (basic(b"secret-alone"), None),
        (basic(b":secret"), None),
        (basic(b"u" * (USER_BYTES_MAX + 1) + b":x"), None),
        (b"Basic !!!", None),
        (b"Basic", None),
        (b"", None),
    ],
)
def test_the_user_is_what_stands_before_the_colon(value: bytes, user: str | None) -> None:
    assert user_of(value) == user


def test_the_users_hash_is_that_of_a_token_and_tells_whether_a_station_comes_with_its_own_name() -> None:
    gate = Gate(KEY)
    assert hashed_user(basic(b"CP1:secret"), KEY) == gate.token("CP1") == gate.token("cp1")
    assert hashed_user(basic(b"CP2:secret"), KEY) != gate.token("CP1")
    assert hashed_user(basic(b"CP1:other"), KEY) == gate.token("CP1")
    assert hashed_user(basic(b"CP1:secret"), b"") == ""
    assert hashed_user(basic(b"secret"), KEY) == ""


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=80) | st.binary(max_size=60).map(basic))
def test_whatever_stands_there_nothing_of_it_comes_out(value: bytes) -> None:
    said = f"{scheme_of(value)} {hashed_user(value, KEY)}"
    assert len(said) <= len("negotiate h:0123456789abcdef")
    assert hashed_user(value, KEY) in ("", Gate(KEY).token(user_of(value) or ""))
