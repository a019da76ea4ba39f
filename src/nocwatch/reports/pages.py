"""A page of headings, sentences and tables, as Markdown or as HTML that needs nothing else and prints well. Pure.

What always holds: text that came from a station stays text: it is no mark-up, no link and no script in either form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import TypeAlias

import msgspec

_MARKS = re.compile(r"([\\`*\[\]<>|~&]|^[#+=-](?!$)|(?<![^\W_])_|_(?![^\W_]))")
"""An underscore within a word is none to Markdown, and reason codes are better read without a stroke before it."""


class Heading(msgspec.Struct, frozen=True):
    """Level 1 is the page's own."""

    text: str
    level: int = 2


class Paragraph(msgspec.Struct, frozen=True):
    """Sentences."""

    text: str


class Points(msgspec.Struct, frozen=True):
    """A list."""

    items: tuple[str, ...]


class Table(msgspec.Struct, frozen=True):
    """Cells are text; columns whose titles end in a space hold numbers and stand to the right."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Code(msgspec.Struct, frozen=True):
    """To be typed as it stands."""

    lines: tuple[str, ...]


Block: TypeAlias = Heading | Paragraph | Points | Table | Code


def markdown(blocks: Iterable[Block]) -> str:
    return "\n\n".join("\n".join(_markdown(block)) for block in blocks) + "\n"


def _markdown(block: Block) -> Iterator[str]:
    if isinstance(block, Heading):
        yield f"{'#' * block.level} {_plain(block.text)}"
    elif isinstance(block, Paragraph):
        yield _plain(block.text)
    elif isinstance(block, Points):
        yield from (f"- {_plain(item)}" for item in block.items)
    elif isinstance(block, Table):
        yield "| " + " | ".join(title.strip() for title in block.columns) + " |"
        yield "|" + "|".join("--:" if title.endswith(" ") else "---" for title in block.columns) + "|"
        yield from ("| " + " | ".join(_plain(cell) for cell in row) + " |" for row in block.rows)
    else:
        yield "```sh"
        yield from (_one_line(line).replace("`", "'") for line in block.lines)
        yield "```"


def _one_line(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)


def _plain(text: str) -> str:
    return _MARKS.sub(r"\\\1", _one_line(text))


_STYLE = (
    "body{font:14px/1.45 system-ui,sans-serif;color:#1a1f26;background:#fff;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.5rem;margin:0 0 .5rem}h2{font-size:1.1rem;margin:1.4rem 0 .4rem;border-bottom:1px solid #dde2e8}"
    "h3{font-size:1rem;margin:1rem 0 .2rem}table{border-collapse:collapse;margin:.4rem 0;width:100%}"
    "th,td{text-align:left;vertical-align:top;padding:.2rem .6rem .2rem 0;border-bottom:1px solid #e9edf1}"
    ".n{text-align:right;font-variant-numeric:tabular-nums}pre{background:#f4f6f8;padding:.6rem;white-space:pre-wrap;"
    "overflow-wrap:anywhere}td{overflow-wrap:anywhere}"
    "@media print{body{margin:0;max-width:none;font-size:10pt}h2,h3{break-after:avoid}tr,pre{break-inside:avoid}}"
)


def html(title: str, blocks: Iterable[Block]) -> str:
    """A document in one file: no script, nothing from elsewhere, and a policy that forbids both."""
    inner = "\n".join("".join(_html(block)) for block in blocks)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{inner}\n</body>\n</html>\n"
    )


def _text(text: str) -> str:
    return escape(_one_line(text))


def _html(block: Block) -> Iterator[str]:
    if isinstance(block, Heading):
        yield f"<h{block.level}>{_text(block.text)}</h{block.level}>"
    elif isinstance(block, Paragraph):
        yield f"<p>{_text(block.text)}</p>"
    elif isinstance(block, Points):
        yield "<ul>" + "".join(f"<li>{_text(item)}</li>" for item in block.items) + "</ul>"
    elif isinstance(block, Table):
        classes = [' class="n"' if title.endswith(" ") else "" for title in block.columns]
        heads = zip(block.columns, classes, strict=True)
        yield "<table><thead><tr>" + "".join(f"<th{of}>{_text(title.strip())}</th>" for title, of in heads)
        yield "</tr></thead><tbody>"
        for row in block.rows:
            cells = zip(row, classes, strict=True)
            yield "<tr>" + "".join(f"<td{of}>{_text(cell)}</td>" for cell, of in cells) + "</tr>"
        yield "</tbody></table>"
    else:
        yield "<pre>" + "\n".join(_text(line) for line in block.lines) + "</pre>"
