"""Writes docs/detectors.md from the catalogue: what a detector is said to do stands in its own file, once.

``python -m nocwatch.detectors.manual > docs/detectors.md``; a test holds that the file is what this writes.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

from nocwatch.detectors.base import Detector
from nocwatch.detectors.catalogue import CATALOGUE
from nocwatch.quantities import parse_duration

_HEAD = """# Detectors

Written from the code by `python -m nocwatch.detectors.manual`.

A detector looks for one kind of trouble; a rule (rules/README.md) says with which settings, where, and how it behaves towards people. A
flag says what is wrong in a sentence with numbers, shows its evidence (frames, sessions), names whose fault it looks like and what to do.

A flag has a *state* that can get well (a station that is back), or it is an *event*: then it clears after the rule's `clear_after`, or when a
person clears it. Replayed (late) data raises flags that are marked late and page nobody. Maintenance (registry) keeps the detectors quiet
that say so below; a state that outlasts its window is raised at the window's end. What a person has cleared stays cleared while
the same trouble lasts.

*Station* detectors need the records of one station, *fleet* detectors look across stations. A flag can hang below another one that explains
it (`inhibited_by`): it is recorded and shown, and pages nobody.

A rule whose detector fails by a mistake in nocwatch is not switched off: the failure is counted, and a flag `rule_failed` (category
ourselves) names the rule and the error until it has worked for 24 h.
"""


def manual() -> str:
    """The whole page."""
    rows = ["| detector | stage | category | severity | in maintenance |", "|---|---|---|---|---|"]
    for each in CATALOGUE:
        quiet = "quiet" if each.quiet_in_maintenance else "speaks"
        rows.append(
            f"| [{each.name}](#{each.name}) | {each.stage} | {each.category} | {each.severity} | {quiet} |"
        )
    return "\n".join([_HEAD, *rows, "", *(_section(each) for each in CATALOGUE)])


def _section(detector: type[Detector[Any, Any]]) -> str:
    _, _, text = inspect.cleandoc(detector.__doc__ or "").partition("\n\n")
    lines = [
        f"## {detector.name}",
        "",
        f"**{detector.title}.** {text}",
        "",
        f"What to do: {detector.advice}",
        "",
    ]
    lines += ["| setting | default | |", "|---|---|---|"]
    for name, field in detector.Settings.model_fields.items():
        default = field.default
        is_duration = any(getattr(each, "func", None) is parse_duration for each in field.metadata)
        shown = _duration(default) if is_duration else _plain(default)
        lines.append(f"| `{name}` | {shown} | {field.description} |")
    lines += ["", "| number in a template | |", "|---|---|"]
    lines += [f"| `numbers.{name}` | {meaning} |" for name, meaning in detector.numbers.items()]
    return "\n".join([*lines, ""])


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.stdout.write(manual())
