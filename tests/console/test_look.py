"""The look, held to docs/look by arithmetic: exact colours, and a contrast of 4.5 on every ground."""

from __future__ import annotations

import re

import pytest

from nocwatch.console.shell import STATIC, TEMPLATES
from nocwatch.console.views.looks import LOOKS

CSS = (STATIC / "console.css").read_text()
PAIRS = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", CSS)
}
LOOK = {
    "available": ("#12764a", "#3fbf7f"),
    "charging": ("#0b5fc4", "#5aa9ff"),
    "preparing": ("#8a5a00", "#f2b84b"),
    "suspendedev": ("#6b3fc0", "#b99aff"),
    "reserved": ("#0b737c", "#45c6cf"),
    "unavailable": ("#57606a", "#9aa5b4"),
    "faulted": ("#c0281e", "#ff7a6e"),
    "offline": ("#5f6873", "#7d8896"),
    "text": ("#1b2027", "#e6e9ee"),
    "muted": ("#57606a", "#9aa5b4"),
    "ground": ("#ffffff", "#0f1318"),
    "panel": ("#f4f6f8", "#171c23"),
}


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", LOOK)
def test_colours_are_exactly_those_of_the_look(name: str) -> None:
    assert PAIRS[name] == LOOK[name]


@pytest.mark.parametrize("name", sorted(set(LOOK) - {"ground", "panel"}))
@pytest.mark.parametrize("look", [0, 1])
def test_text_in_each_colour_can_be_read_on_ground_and_panel(name: str, look: int) -> None:
    for ground in ("ground", "panel"):
        assert contrast(PAIRS[name][look], PAIRS[ground][look]) >= 4.5, (name, ground)


def test_every_state_has_its_colour_its_band_and_its_sign() -> None:
    signs = (TEMPLATES / "signs.svg").read_text()
    for shown in LOOKS.values():
        assert f".s-{shown.css} {{" in CSS
        assert f".t-{shown.css} {{" in CSS
        assert f'id="i-{shown.icon}"' in signs


def test_only_charging_moves_and_not_for_those_who_asked_for_stillness() -> None:
    before = CSS[: CSS.index(".moves {")]
    assert before.rstrip().endswith("@media (prefers-reduced-motion: no-preference) {")
    moving = re.findall(
        r"moves[^%]*?==\s*\"(\w+)\"", "".join(path.read_text() for path in TEMPLATES.glob("*.html"))
    )
    assert set(moving) <= {"charging", "ongoing"}


def test_signs_used_by_templates_exist() -> None:
    signs = set(re.findall(r'id="i-(\w+)"', (TEMPLATES / "signs.svg").read_text()))
    used = {
        name for path in TEMPLATES.glob("*.html") for name in re.findall(r'sign\("(\w+)"', path.read_text())
    }
    assert used <= signs


def test_what_comes_from_outside_is_served_with_its_licence() -> None:
    assert "MIT" in (STATIC / "uplot" / "LICENSE").read_text()
    assert "uPlot" in (STATIC / "uplot" / "uPlot.iife.min.js").read_text()[:400]
    for path in (*STATIC.glob("*.*"), *TEMPLATES.glob("*")):
        assert not re.search(r"(src|href)=\"https?://|@import|url\(http", path.read_text()), path
