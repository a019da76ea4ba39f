"""The house stays tidy: modules short enough to read, each with its opening words, and tests that neither sleep nor pretend."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import tomllib
from pathlib import Path

import pytest

from nocwatch.detectors.catalogue import CATALOGUE

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "nocwatch"
TESTS = ROOT / "tests"
MODULES = sorted(SOURCE.rglob("*.py"))
TEST_MODULES = sorted(TESTS.rglob("*.py"))
PYTHON = [
    *MODULES,
    *TEST_MODULES,
    *sorted(path for path in (ROOT / "bench").rglob("*.py") if "mitmproxy-venv" not in path.parts),
    *sorted((ROOT / "grafana").rglob("*.py")),
]

LINES_MAX = 350
LONG: dict[str, str] = {
    "src/nocwatch/ocpp/events.py": "one class after the other, no code: the one list of all that OCPP can say",
}
"""Modules above it, each with the reason why no seam was found. Best none."""

OPENING_CHARACTERS_MIN = 60
"""Of a module's docstring: less than a line says no more than the file's name."""

TESTED_ELSEWHERE: dict[str, str] = {}
"""Packages without a tests folder of their own name, and where their tests are."""


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    long = {
        name(path): count for path in MODULES if (count := len(path.read_text().splitlines())) > LINES_MAX
    }
    assert {path: count for path, count in long.items() if path not in LONG} == {}
    assert sorted(LONG.keys() - long.keys()) == [], "no longer long: take them off the list"


def test_each_module_opens_with_what_it_is() -> None:
    short = []
    for path in MODULES:
        opening = ast.get_docstring(ast.parse(path.read_text())) or ""
        if len(opening) < OPENING_CHARACTERS_MIN:
            short.append(name(path))
    assert short == []


def called(tree: ast.AST) -> set[str]:
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@pytest.mark.parametrize("path", TEST_MODULES, ids=name)
def test_no_test_sleeps_or_mocks(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert "time.sleep" not in called(tree) | imported(tree), (
        "wait for what is to happen, not for time to pass"
    )
    assert not {each for each in imported(tree) if each.startswith(("unittest.mock", "mock", "pytest_mock"))}


def test_what_is_left_to_do_says_why() -> None:
    """``TODO(what it waits for)`` is a note; a bare one is a wish."""
    wish = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?!\([^)]{5,}\))")
    bare = [
        f"{name(path)}:{token.start[0]}"
        for path in PYTHON
        for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
        if token.type == tokenize.COMMENT and wish.search(token.string)
    ]
    assert bare == []


def test_each_package_has_its_tests() -> None:
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    tested = {path.name for path in TESTS.iterdir() if path.is_dir() and any(path.rglob("test_*.py"))}
    assert sorted(packages - tested - TESTED_ELSEWHERE.keys()) == []
    assert all((ROOT / where).exists() for where in TESTED_ELSEWHERE.values())


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    drawers = {"utils", "util", "helpers", "helper", "misc", "common", "tools"}
    assert [name(path) for path in [*MODULES, *TEST_MODULES] if path.stem in drawers] == []


def test_each_detector_is_held_to_know_nothing_of_the_others() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    (apart,) = [contract for contract in contracts if contract["type"] == "independence"]
    assert sorted(apart["modules"]) == sorted(detector.__module__ for detector in CATALOGUE)
