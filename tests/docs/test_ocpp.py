"""The page about OCPP names each oddity, and no other."""

from __future__ import annotations

import re

from tests.support.reference import DOCS

from nocwatch.ocpp import conformance
from nocwatch.ocpp.events import Oddity

PAGE = (DOCS / "ocpp.md").read_text(encoding="utf-8")


def test_every_oddity_has_its_line() -> None:
    table = PAGE.partition("## Oddities")[2]
    named = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert sorted(named) == sorted(each.value for each in Oddity)


def test_the_figures_of_the_budget_are_those_of_the_code() -> None:
    assert f"the first {conformance.ALL_OF} of a station" in PAGE
    assert conformance.ONE_IN == 8
    assert conformance.BURST_NS // conformance.UNIT_NS == 20
    assert conformance.BYTES_MAX == 32 * 1024
