"""Links lead somewhere, commands of the README exist, pictures are small, and no page knows the machine it was written on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.support.reference import DOCS, ROOT

from nocwatch import __version__

PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "rules").glob("*.md")])
README = (ROOT / "README.md").read_text(encoding="utf-8")
PICTURE_BYTES_MAX = 300_000
"""A clone is not for pictures."""
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```", re.DOTALL)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """As the hosts of repositories make them of headings."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", _CODE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE):
        text = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", text).replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        there = (page.parent / target).resolve() if target else page
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in anchors(there)):
            broken.append(link)
    assert broken == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        for link in _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8"))):
            target = (page.parent / link.partition("#")[0]).resolve()
            if target.is_dir() and (target / "README.md").exists():
                target /= "README.md"
            if not re.match(r"[a-z]+:", link) and target.suffix == ".md" and target.exists():
                waiting.append(target)
    assert {name(page) for page in PAGES if page not in seen} == set()


def test_the_readme_begins_with_the_two_commands() -> None:
    first = re.search(r"```sh\n(.*?)```", README, re.DOTALL)
    assert first
    assert [line.split("#")[0].strip() for line in first[1].splitlines()] == ["make run", "make test"]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_make_targets_that_are_named_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`|=1 )make ([a-z]+)", text, re.MULTILINE))
    assert named - targets == set()


def test_the_tests_of_continuous_integration_are_those_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert re.search(r"^make test$", script, re.MULTILINE)


def test_files_that_the_pages_name_in_passing_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = [
        each for each in re.findall(r"`((?:src|tests|grafana|rules|docs)/[\w./-]*)`", text) if "<" not in each
    ]
    assert [each for each in named if not (ROOT / each).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_page_knows_the_machine_it_was_written_on(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"(?<![\w.])/(?:home|root|Users|tmp|work|mnt)/[^\s`)]*", text) == []


def test_pictures_are_small_and_used() -> None:
    pictures = sorted((DOCS / "pictures").iterdir())
    assert [name(each) for each in pictures if each.stat().st_size > PICTURE_BYTES_MAX] == []
    used = {
        (page.parent / link).resolve()
        for page in PAGES
        for link in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text("utf-8"))
    }
    assert {name(each) for each in pictures} == {name(each) for each in used}


def test_the_changelog_knows_this_version() -> None:
    assert re.search(
        rf"^## .*{re.escape(__version__)}", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )
