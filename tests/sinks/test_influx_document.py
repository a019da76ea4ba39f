"""docs/influx.md names every measurement, tag and field that is written, and no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from nocwatch.sessions import Outcome
from nocwatch.sinks import lines, plans, usage

ROOT = Path(__file__).resolve().parents[2]
ROWS = dict(
    re.findall(r"^\| `(\w+)` \|(.*)\|$", (ROOT / "docs/influx.md").read_text(encoding="utf-8"), re.MULTILINE)
)
TEXT = "\n".join(Path(each.__file__).read_text(encoding="utf-8") for each in (lines, plans, usage))


def strings() -> str:
    """All that stands in string literals of the modules, placeholders left out."""
    return "\n".join(
        node.value
        for module in (lines, plans, usage)
        for node in ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def test_measurements() -> None:
    written = set(re.findall(r'f"(\w+)\{?(?:tags|self\.tags|self\._series|,lane)', TEXT))
    written |= set(re.findall(r'return f"(\w+)\{tags\}', TEXT))
    assert written == set(ROWS)


def test_fields_and_tags() -> None:
    named = {name for row in ROWS.values() for name in re.findall(r"`(\w+)`", row)}
    literal = strings()
    written = set(re.findall(r"(?:^|[,{ ])(\w+)=", literal, re.MULTILINE))
    written |= {*usage.FIELDS, *(each.value for each in Outcome)}
    written |= {
        "current_a",
        "energy_wh",
        "power_w",
        "register_wh",
        "soc_percent",
        "voltage_v",
        "vendor",
        "model",
        "firmware",
        "limit_a",
        "limit_w",
    }
    assert named == written - {"station", "site"}, (named - written, written - named)
