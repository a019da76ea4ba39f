"""Every key that an operator can write is documented with its type and its default, and no other is."""

from __future__ import annotations

import pytest
from pydantic import BaseModel
from tests.support.reference import DOCS, Key, keys_of, rows

from nocwatch.config import Configuration
from nocwatch.detectors.rules import RuleFile
from nocwatch.registry.model import RegistryFile
from nocwatch.sim.scenario import Scenario

PAGES: dict[str, type[BaseModel]] = {
    "configuration.md": Configuration,
    "registry.md": RegistryFile,
    "rules.md": RuleFile,
    "simulator.md": Scenario,
}


def keys(model: type[BaseModel]) -> dict[str, Key]:
    """A section that has keys of its own is told by them, under its heading."""
    every = list(keys_of(model))
    return {
        key.path: key
        for key in every
        if key.kind != "section" or not any(each.path.startswith(f"{key.path}.") for each in every)
    }


def documented(page: str) -> dict[str, list[str]]:
    """Rows of the tables of keys: those with four cells."""
    return rows((DOCS / page).read_text(encoding="utf-8"), width=3)


@pytest.mark.parametrize("page", PAGES)
def test_every_key_is_documented_and_nothing_else(page: str) -> None:
    assert set(documented(page)) == set(keys(PAGES[page]))


@pytest.mark.parametrize("page", PAGES)
def test_what_is_said_of_a_key_is_so(page: str) -> None:
    wanted = keys(PAGES[page])
    for path, (kind, default, meaning) in documented(page).items():
        assert kind == wanted[path].kind, path
        assert default.strip("`") == wanted[path].default, path
        assert len(meaning) > 3, path
