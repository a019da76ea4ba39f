"""The group of all commands: Typer's own, whose complaints of wrong options are put as a person would put them."""

from __future__ import annotations

from typing import Any

import typer

from nocwatch.cli import unread

_NOISE = "Value error, "
"""What the library that checks values says before every reason."""


class Commands(unread.Commands):
    """Of ``nocwatch``; the groups below it are called from here."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix(_NOISE)
            raise
