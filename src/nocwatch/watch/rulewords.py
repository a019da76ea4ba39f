"""A loaded rule in words, for the Rules page: settings with their units, lists as lists, nothing as Python would write it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from nocwatch.console.services import RuleFacts
from nocwatch.detectors.rules import Rule
from nocwatch.moments import SECOND_NS
from nocwatch.quantities import duration_text, parse_duration

_UNIT = re.compile(r"(?<=\d)(?=[a-z])")


def facts_of(rule: Rule) -> RuleFacts:
    detector = rule.detector
    return RuleFacts(
        rule=rule.name,
        detector=detector.name,
        title=detector.title,
        about=about(detector),
        severity=(rule.severity or detector.severity).value,
        category=detector.category.value,
        stage=detector.stage.value,
        scope={name: str(value) for name, value in rule.scope.model_dump().items() if value is not None},
        settings=settings(detector.settings),
        hold=span(rule.for_ns / SECOND_NS) if rule.for_ns else "",
        cooldown=span(rule.cooldown_ns / SECOND_NS) if rule.cooldown_ns else "",
        advice=detector.advice,
        runbook=rule.runbook,
        labels=dict(rule.labels),
        enabled=rule.enabled,
        file=rule.file,
    )


def about(detector: object) -> str:
    """What the detector says of itself, without its name: when it speaks and when it keeps quiet."""
    text = inspect.cleandoc(type(detector).__doc__ or "")
    return " ".join(text.partition("\n\n")[2].replace("`", "").split())


def settings(model: BaseModel) -> dict[str, str]:
    """Name → value as a person reads it."""
    found = {}
    for name, field in type(model).model_fields.items():
        time = _is_duration(field.metadata) or _is_duration(_parts(field.annotation))
        found[name.replace("_", " ")] = word(getattr(model, name), time)
    return found


def word(value: Any, time: bool = False) -> str:
    """One value: ``1 h``, ``yes``, ``site, model``."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return span(value) if time else f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {word(each, time)}" for key, each in value.items()) or "none"
    if isinstance(value, BaseModel):
        return word({name: each for name, each in value.model_dump().items() if each is not None}, time)
    if isinstance(value, Iterable) and not isinstance(value, str):
        each = [word(one, time) for one in value]
        return ", ".join(sorted(each) if isinstance(value, set | frozenset) else each) or "none"
    return str(value)


def span(seconds: float) -> str:
    """``1 h``, ``90 s``, ``15 min``."""
    text = _UNIT.sub("\u00a0", duration_text(seconds))
    return text + "in" if text.endswith("m") else text


def _parts(annotation: object) -> list[object]:
    parts = list(get_args(annotation))
    return [*parts, *(inner for part in parts for inner in _parts(part))]


def _is_duration(parts: Iterable[object]) -> bool:
    return any(getattr(part, "func", None) is parse_duration for part in parts)
