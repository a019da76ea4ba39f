"""``docs/commands.md`` tells every command with every option, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import typer.main
from tests.support.reference import DOCS

from nocwatch.cli import app

PAGE = (DOCS / "commands.md").read_text(encoding="utf-8")
_OPTION = re.compile(r"`(--?[a-z][a-z-]*)`")


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for word, each in inner.items():
        yield from commands(each, f"{name} {word}")


COMMANDS = dict(commands(typer.main.get_command(app), "nocwatch"))


def sections() -> dict[str, set[str]]:
    """Command → its options, as the tables below its heading name them."""
    parts = re.split(r"^## (nocwatch .+)$", PAGE, flags=re.MULTILINE)[1:]
    return {
        name: {
            option
            for row in text.splitlines()
            if row.startswith("| `-")
            for option in _OPTION.findall(row.split("|")[1])
        }
        for name, text in zip(parts[::2], parts[1::2], strict=True)
    }


def options(command: click.Command) -> set[str]:
    """An argument is told in words."""
    found = {
        option
        for each in command.params
        if each.param_type_name == "option"
        for option in (*each.opts, *each.secondary_opts)
    }
    return found - {"--help", "-h"}


def test_every_command_is_documented_and_nothing_else() -> None:
    assert set(sections()) == set(COMMANDS)


def test_every_option_is_documented_and_nothing_else() -> None:
    assert sections() == {name: options(command) for name, command in COMMANDS.items()}


def test_every_command_says_what_it_does() -> None:
    assert [name for name, command in COMMANDS.items() if len(command.help or "") < 20] == []


def test_commands_named_anywhere_in_the_documentation_exist() -> None:
    """A page that tells people to type what is not there is worse than none."""
    words = {name.removeprefix("nocwatch ").split(" ")[0] for name in COMMANDS}
    pages = [
        DOCS.parent / "README.md",
        DOCS.parent / "CONTRIBUTING.md",
        *DOCS.rglob("*.md"),
        DOCS.parent / "rules" / "README.md",
    ]
    wrong = [
        (page.name, told)
        for page in pages
        for code in re.findall(r"```sh\n(.*?)```|`([^`\n]+)`", page.read_text(encoding="utf-8"), re.DOTALL)
        for told in re.findall(r"^nocwatch ([a-z]+)", "\n".join(code), re.MULTILINE)
        if told not in words
    ]
    assert wrong == []
