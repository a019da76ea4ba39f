"""The configuration from file, environment and command line, as it is met in containers and on their consoles."""

from __future__ import annotations

from pathlib import Path

import pytest

from nocwatch.config import load_configuration
from nocwatch.errors import ConfigurationError


@pytest.mark.parametrize("token", ["12345", "@abc", "%x", "a: b", "[1", "yes", "1e5", "*x"])
def test_a_token_in_the_environment_is_taken_as_it_stands(token: str) -> None:
    """A generated password may look like anything in YAML."""
    influx = load_configuration(None, {"NOCWATCH_INFLUX__TOKEN": token}).influx
    assert influx.token is not None
    assert influx.token.get_secret_value() == token


def test_null_in_the_environment_turns_something_off() -> None:
    assert load_configuration(None, {"NOCWATCH_METRICS__LISTEN": "null"}).metrics.listen is None


def test_what_is_no_text_in_the_environment_is_yaml() -> None:
    made = load_configuration(None, {"NOCWATCH_RELAY__LISTEN": '[{address: "127.0.0.1:9"}]'})
    assert [each.address for each in made.relay.listen] == ["127.0.0.1:9"]
    assert load_configuration(None, {"NOCWATCH_INFLUX__TIMEOUT": "20s"}).influx.timeout == 20.0


def test_a_section_with_nothing_below_it_takes_keys_of_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "nocwatch.yaml"
    file.write_text("journal:\n")
    assert load_configuration(file, {"NOCWATCH_JOURNAL__PATH": "x"}).journal.path == Path("x")


@pytest.mark.parametrize("token", ["4711471147114711", "{user: 4711471147114711}", "[4711471147114711]"])
def test_a_secret_that_is_no_text_is_not_printed(tmp_path: Path, token: str) -> None:
    file = tmp_path / "nocwatch.yaml"
    file.write_text(f"influx:\n  token: {token}\n")
    with pytest.raises(ConfigurationError) as raised:
        load_configuration(file, {})
    (problem,) = raised.value.problems
    assert (problem.line, problem.key) == (2, "influx.token")
    assert "4711" not in str(problem)
