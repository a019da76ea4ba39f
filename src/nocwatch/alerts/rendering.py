"""Makes notifications out of alerts by templates: nocwatch's own, or those in the operator's folder (``alerts.templates``).

What always holds: a template can name what ``words`` gives and nothing else, it can change nothing and reach no file; a name
that does not exist is an error when the templates are checked, not an empty place in a mail at night. If an operator's
template fails all the same, nocwatch's own takes its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog
from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    FileSystemLoader,
    PackageLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment

from nocwatch.alerts.alert import Alert, AlertState, Notice
from nocwatch.alerts.notification import Notification
from nocwatch.alerts.words import words
from nocwatch.errors import ConfigurationError, Problem
from nocwatch.flags import Blame, Category, Evidence, Flag, Severity

TEMPLATES = ("subject.txt", "body.txt", "body.html")
SUBJECT_CHARACTERS_MAX = 200
"""Of a subject: what mail clients and phones show, and more."""
TEXT_CHARACTERS_MAX = 20_000
"""Of a body: a template that loops over everything does not fill anyone's mail box."""

_log = structlog.get_logger()


class Renderer:
    """Renders with the operator's templates where there are any."""

    def __init__(self, templates: Path | None = None, console_url: str = "") -> None:
        self._console_url = console_url
        own = PackageLoader("nocwatch.alerts")
        self._own = _environment(own)
        self._chosen = (
            self._own if templates is None else _environment(ChoiceLoader([FileSystemLoader(templates), own]))
        )
        self._folder = templates

    def render(self, alert: Alert, flags: Sequence[Flag]) -> Notification:
        """The alert in words."""
        values = words(alert, flags, self._console_url)
        try:
            subject, text, html = _rendered(self._chosen, values)
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as error:
            _log.error(
                "template_failed",
                folder=str(self._folder),
                alert=alert.id,
                error=str(error),
                category="ourselves",
            )
            subject, text, html = _rendered(self._own, values)
        url = next((link["url"] for link in values["links"] if link["text"] == "Open the alert"), "")
        return Notification(
            subject=subject, text=text, html=html, alert=alert, flags=tuple(flags), console_url=url
        )

    def check(self) -> None:
        """Tries every template with an alert that fires and one that is over.

        Raises:
            ConfigurationError: file:line of each mistake.
        """
        problems: list[Problem] = []
        if self._folder is not None and not self._folder.is_dir():
            raise ConfigurationError(
                [Problem("configuration", 0, "alerts.templates", f"{self._folder}: there is no such folder")]
            )
        for name in TEMPLATES:
            for alert, flags in samples():
                try:
                    self._chosen.get_template(name).render(words(alert, flags, "http://127.0.0.1:8480"))
                except (
                    TemplateError,
                    ArithmeticError,
                    LookupError,
                    TypeError,
                    ValueError,
                    RecursionError,
                ) as error:
                    problems.append(_problem(self._folder, name, error))
                    break
        if problems:
            raise ConfigurationError(problems)


def samples() -> list[tuple[Alert, list[Flag]]]:
    """Made-up alerts in which every field is set, firing and over: to check templates, and to try a receiver."""
    at_ns = 1_763_726_407_000_000_000
    flag = Flag(
        id="0000000000000000",
        rule="station_offline",
        detector="station_offline",
        category=Category.CONNECTIVITY,
        severity=Severity.WARNING,
        key="CP1",
        station="CP1",
        onset_at_ns=at_ns - 180_000_000_000,
        at_ns=at_ns,
        summary="CP1 has had no link for 3 min.",
        advice="Ask the site whether it has power.",
        blame=Blame.NETWORK,
        evidence=(
            Evidence(
                text="The link ended without a close frame.", at_ns=at_ns - 180_000_000_000, frames=("0-1-0",)
            ),
        ),
    )
    alert = Alert(
        id="0000000000000000",
        group="rule=station_offline,key=CP1",
        flags=(flag.id,),
        flag_count=1,
        open_count=1,
        severity=flag.severity,
        rule=flag.rule,
        detector=flag.detector,
        category=flag.category,
        station="CP1",
        connector=1,
        session="0000000000000000",
        site="depot",
        summary=flag.summary,
        advice=flag.advice,
        blame=flag.blame,
        started_at_ns=flag.onset_at_ns,
        at_ns=at_ns,
        notice=Notice.FIRING,
        revision=1,
        runbook="https://example.org/runbook",
        labels={
            "station_name": "Depot 1",
            "site_name": "Depot Nord",
            "timezone": "Europe/Berlin",
            "on_call": "north-crew",
        },
    )
    over = Alert(
        id=alert.id,
        state=AlertState.RESOLVED,
        severity=alert.severity,
        summary=alert.summary,
        started_at_ns=alert.started_at_ns,
        at_ns=at_ns + 600_000_000_000,
        notice=Notice.RESOLVED,
        resolved_because="The station is back.",
        revision=2,
    )
    return [(alert, [flag]), (over, [])]


def _environment(loader: BaseLoader) -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=loader,
        undefined=StrictUndefined,
        autoescape=lambda name: bool(name and name.endswith(".html")),
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _rendered(environment: ImmutableSandboxedEnvironment, values: dict[str, Any]) -> tuple[str, str, str]:
    subject, text, html = (environment.get_template(name).render(values) for name in TEMPLATES)
    # One line: a line break in a subject is where a mail's next header would begin.
    return (
        " ".join(subject.split())[:SUBJECT_CHARACTERS_MAX],
        text.strip()[:TEXT_CHARACTERS_MAX] + "\n",
        html.strip()
        if len(html) <= 10 * TEXT_CHARACTERS_MAX
        else f"<pre>{environment.filters['escape'](text)}</pre>",
    )


def _problem(folder: Path | None, name: str, error: Exception) -> Problem:
    line = error.lineno if isinstance(error, TemplateSyntaxError) else _line_of(error, name)
    file = str(folder / name) if folder is not None else name
    return Problem(file, line, "", f"the template cannot be used: {error}")


def _line_of(error: Exception, name: str) -> int:
    """The template's line in the traceback; Jinja maps it back from its own code."""
    line = 0
    at = error.__traceback__
    while at is not None:
        if at.tb_frame.f_code.co_filename.endswith(name):
            line = at.tb_lineno
        at = at.tb_next
    return line
