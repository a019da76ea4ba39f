"""Operators' YAML is read as they meant it, and a mistake is told with its place."""

from __future__ import annotations

from pathlib import Path

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


def test_a_missing_file_is_a_problem_and_no_exception(tmp_path: Path) -> None:
    (problem,) = documents.read(tmp_path / "none.yaml").problems
    assert "no such file" in problem.message


@given(st.text(max_size=300))
def test_no_text_whatsoever_makes_the_reader_raise(text: str) -> None:
    documents.parse(text, "f")
