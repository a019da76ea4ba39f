"""Operators' YAML is read as they meant it, and a mistake is told with its place."""

from __future__ import annotations

from datetime import date, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from nocwatch import documents
from nocwatch.errors import ConfigurationError


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int = 0


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    parts: list[Inner] = []


def test_a_time_of_day_is_no_number_and_norway_no_boolean() -> None:
    assert documents.parse("a: 22:00\nb: no\nc: on\nd: 0123\ne: 1e3\nf: true", "f").data == {
        "a": "22:00",
        "b": "no",
        "c": "on",
        "d": "0123",
        "e": 1000.0,
        "f": True,
    }


def test_a_key_that_stands_twice_is_a_mistake_and_not_the_last_word() -> None:
    document = documents.parse("name: a\nname: b\n", "x.yaml")
    assert [str(problem) for problem in document.problems] == ["x.yaml:2:name: this key stands here twice"]


def test_each_mistake_says_file_line_and_key() -> None:
    document = documents.parse("parts:\n  - size: big\n  - sise: 1\n", "x.yaml")
    try:
        document.validated(Outer)
    except ConfigurationError as error:
        told = [(problem.line, problem.key) for problem in error.problems]
    assert told == [(1, "name"), (2, "parts.0.size"), (3, "parts.1.sise")]


def test_broken_yaml_says_the_line() -> None:
    (problem,) = documents.parse("a: 1\nb: [1, 2\nc: 3\n", "x.yaml").problems
    assert (problem.file, problem.line) == ("x.yaml", 3)


def test_aliases_of_aliases_are_no_thousand_million_values() -> None:
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    for former, name in pairwise("abcdefghi"):
        lines.append(f"{name}: &{name} [{','.join([f'*{former}'] * 9)}]")
    (problem,) = documents.parse("\n".join(lines), "x.yaml").problems
    assert str(problem).startswith("x.yaml:7: no valid YAML: more than 5000000 values"), problem


@pytest.mark.parametrize("text", ["a: 1\nb: &b [*b]", "a: 1\nb: &b {c: *b}", "a: 1\nb:\n  <<: &b {<<: *b}"])
def test_an_alias_within_what_it_names_is_told_with_its_line(text: str) -> None:
    (problem,) = documents.parse(text, "x.yaml").problems
    assert "an alias stands within what it names" in problem.message
    assert problem.line >= 2


def test_a_few_aliases_are_what_they_name() -> None:
    document = documents.parse("a: &a {size: 1}\nb: [*a, *a, {<<: *a, more: 2}]", "x.yaml")
    assert document.data["b"] == [{"size": 1}, {"size": 1}, {"size": 1, "more": 2}]


@pytest.mark.parametrize("nested", ["[" * 60_000, "- " * 60_000, "{a: " * 60_000])
def test_what_is_nested_without_end_is_told_and_ends_no_process(nested: str) -> None:
    (problem,) = documents.parse(f"# of the depot\n{nested}", "x.yaml").problems
    assert (problem.line, "within each other" in problem.message) == (2, True)


class Dated(BaseModel):
    day: date | None = None
    moment: datetime | None = None
    size: int = 0


@pytest.mark.parametrize(
    ("line", "key"),
    [("day: 2026-02-30", "day"), ("moment: 2026-01-01T25:00:00Z", "moment"), (f"size: {'9' * 5000}", "size")],
)
def test_a_day_that_no_calendar_has_is_told_with_its_line_and_key(line: str, key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        documents.parse(f"# of the depot\n\n{line}\n", "x.yaml").validated(Dated)
    assert [(each.line, each.key) for each in caught.value.problems] == [(3, key)]


def test_a_missing_file_is_a_problem_and_no_exception(tmp_path: Path) -> None:
    (problem,) = documents.read(tmp_path / "none.yaml").problems
    assert "no such file" in problem.message


@given(st.text(max_size=300))
def test_no_text_whatsoever_makes_the_reader_raise(text: str) -> None:
    documents.parse(text, "f")
