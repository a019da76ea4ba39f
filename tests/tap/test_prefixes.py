"""Whose card it is, told at the gate: behind it there is only a hash."""

from __future__ import annotations

from pathlib import Path

from nocwatch.registry.load import load_registry
from nocwatch.registry.people import TokenFacts
from nocwatch.tap.gate import Gate
from nocwatch.tap.prefixes import TOKENS_MAX, Prefixes

KEY = b"k" * 32


def test_the_longest_prefix_counts_in_any_case_of_letters() -> None:
    prefixes = Prefixes()
    prefixes.heed(["NL-TNM", "NL", "DE-8AA"])
    for raw, hashed in (
        ("nl-tnm-C001", "h:1"),
        ("NL-ABC-1", "h:2"),
        ("04A1B2C3", "h:3"),
        ("de-8aa-7", "h:4"),
    ):
        prefixes.note(raw, hashed)
    assert prefixes.known == {"h:1": "nl-tnm", "h:2": "nl", "h:4": "de-8aa"}
    assert prefixes.take() == list(prefixes.known.items())
    assert prefixes.take() == []


def test_a_token_that_was_hashed_before_is_noted_when_the_registry_learns_its_prefix() -> None:
    gate = Gate(KEY)
    hashed = gate.token("NL-TNM-C001")
    assert gate.prefixes.known == {}
    gate.heed(["NL-TNM"])
    assert gate.token("NL-TNM-C001") == hashed
    assert gate.prefixes.known == {hashed: "nl-tnm"}


def test_the_gate_tells_the_prefix_and_nothing_else_of_the_token() -> None:
    gate = Gate(KEY)
    gate.heed(["NL-TNM"])
    passed = gate.text(b'[2,"1","Authorize",{"idTag":"NL-TNM-C00122045"}]')
    assert b"TNM" not in passed
    assert "C00122045" not in repr(gate.prefixes.known)
    assert list(gate.prefixes.known.values()) == ["nl-tnm"]


def test_what_is_known_is_bounded_and_what_is_fresh_is_not_lost() -> None:
    prefixes = Prefixes()
    prefixes.heed(["x"])
    prefixes.remember((str(number), "x") for number in range(TOKENS_MAX))
    prefixes.note("x1", "h:new")
    assert prefixes.known == {"h:new": "x"}
    assert prefixes.take() == [("h:new", "x")]


def test_a_token_that_the_registry_lacks_has_its_prefixes_provider(tmp_path: Path) -> None:
    """A guest is told by what the gate noted, also of tokens that come after the registry was read."""
    (tmp_path / "r.yaml").write_text(
        "token_prefixes: [{prefix: NL-TNM, provider: TheNewMotion}, {prefix: DE-OWN, provider: Ours, roaming: false}]\n"
        "tokens: [{uid: NL-TNM-LISTED, provider: Somebody}]\n"
    )
    gate = Gate(KEY)
    places = load_registry(tmp_path, gate.token, gate.prefixes.known).places
    gate.heed(places.people.prefixes)
    assert places.token(gate.token("NL-TNM-GUEST")) == TokenFacts(provider="TheNewMotion", roaming=True)
    assert places.token(gate.token("DE-OWN-1")).roaming is False
    assert places.token(gate.token("NL-TNM-LISTED")).provider == "Somebody"
    assert places.token(gate.token("04A1")) == TokenFacts()
