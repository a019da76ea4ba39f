"""Rules as operators write them: every mistake at once, each with its place; and the documentation is what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from nocwatch.detectors.catalogue import BY_NAME, CATALOGUE
from nocwatch.detectors.manual import manual
from nocwatch.detectors.rules import default_rules, load_rules, make_rule, shipped_rules
from nocwatch.errors import ConfigurationError
from nocwatch.flags import Severity

ROOT = Path(__file__).parents[2]


def problems(folder: Path, **files: str) -> list[tuple[str, int, str, str]]:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_rules(folder)
    return [(Path(each.file).name, each.line, each.key, each.message) for each in caught.value.problems]


def test_rule_of_the_documentation_is_read_as_written(tmp_path: Path) -> None:
    text = (ROOT / "rules" / "README.md").read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    (rule,) = load_rules(tmp_path)
    assert (rule.name, rule.detector.name, rule.severity) == (
        "dead_on_arrival",
        "zero_energy_session",
        Severity.WARNING,
    )
    assert (rule.scope.site, rule.scope.current) == ("depot-*", "dc")
    assert (rule.cooldown_ns, rule.clear_after_ns) == (3600 * 10**9, 86400 * 10**9)
    assert rule.tests[0].trace == "tests/dead_on_arrival.jsonl"


def test_every_mistake_of_every_file_at_once_with_its_place(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        a="rule: one\ndetector: zero_energy_sesion\nfor: 5\n",
        b="rule: two\ndetector: faulted\nsettings:\n  debonce: 5s\n  debounce: fast\nscope: {sites: x}\nsummary: '{{ station.nmae }}'\n",
        c="rule: three\ndetector: faulted\ncolour: red\nseverity: bad\n",
        d="rule: four\ndetector: faulted\n",
        e="rule: four\ndetector: faulted\nsummary: '{{ oops'\n",
        f="detector: faulted\nrule: ''\n",
        g="- 1\n",
        h="rule: four\ndetector: faulted\n",
    )
    places = {(file, line, key) for file, line, key, _ in found}
    assert places >= {
        ("a.yaml", 2, "detector"),
        ("a.yaml", 3, "for"),
        ("b.yaml", 4, "settings.debonce"),
        ("b.yaml", 5, "settings.debounce"),
        ("b.yaml", 6, "scope.sites"),
        ("b.yaml", 7, "summary"),
        ("c.yaml", 3, "colour"),
        ("c.yaml", 4, "severity"),
        ("e.yaml", 3, "summary"),
        ("f.yaml", 2, "rule"),
        ("h.yaml", 1, "rule"),
    }
    assert any(file == "g.yaml" for file, *_ in found)
    said = {(file, key): message for file, _, key, message in found}
    assert "did you mean zero_energy_session?" in said["a.yaml", "detector"]
    assert "nmae" in said["b.yaml", "summary"]
    assert "d.yaml" in said["h.yaml", "rule"]


def test_settings_must_be_a_mapping(tmp_path: Path) -> None:
    found = problems(tmp_path, a="rule: one\ndetector: faulted\nsettings: [1]\n")
    assert [(line, key) for _, line, key, _ in found] == [(3, "settings")]


@pytest.mark.parametrize(
    "template",
    [
        "{{ numbers.nothing }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ session.ids }}",
        "{% for x in y %}{% endfor %}",
        "{{ 1/0 }}",
    ],
)
def test_template_that_cannot_work_is_told_when_it_is_loaded(template: str) -> None:
    with pytest.raises(ConfigurationError):
        make_rule(rule="a", detector="faulted", summary=template)


def test_missing_folder_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such folder of rules"):
        load_rules(tmp_path / "nothing")


def test_one_rule_ships_for_each_detector_and_changes_no_default() -> None:
    rules = load_rules(shipped_rules())
    assert {rule.name for rule in rules} == set(BY_NAME)
    assert {rule.fingerprint for rule in rules} == {rule.fingerprint for rule in default_rules()}
    assert all(len(rule.tests) == 2 for rule in rules)


def test_documentation_is_what_the_catalogue_says() -> None:
    written = (ROOT / "docs" / "detectors.md").read_text(encoding="utf-8")
    assert written == manual(), "write it anew: python -m nocwatch.detectors.manual > docs/detectors.md"


@pytest.mark.parametrize("detector", CATALOGUE, ids=lambda each: each.name)
def test_every_detector_and_setting_is_described(detector: type) -> None:
    assert detector.__module__.endswith(f".{detector.name}")  # type: ignore[attr-defined]
    assert all(field.description for field in detector.Settings.model_fields.values())  # type: ignore[attr-defined]
    assert detector.numbers
    assert detector.advice.endswith(".")
    assert detector.State() is not None
