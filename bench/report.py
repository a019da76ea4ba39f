"""The results as tables: for the terminal, for RESULTS.md, and as JSON."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import candidates
from relay_bench import FIGURES, Result
from scenarios.base import Figure

NOTES = ("<!-- notes -->", "<!-- /notes -->")
"""What stands between them in RESULTS.md is a person's, and is kept when the file is written again."""
NO_NOTES = "No notes have been written for this run."

STAGES = {
    "us_read": "journal reader",
    "us_tap": "tap and gate",
    "us_ocpp_state": "OCPP and state",
    "us_detectors": "detectors",
    "us_alerts": "alerts",
    "us_batch": "store: gathering the batch",
    "us_store": "store: SQLite transaction",
    "us_lines": "InfluxDB lines",
    "us_spool": "InfluxDB spool",
    "us_rest": "loop and clocks of this measurement",
    "us_all": "all",
}


@dataclass
class Report:
    """Everything that one run found out."""

    facts: dict[str, str]
    arguments: argparse.Namespace
    results: Sequence[Result]
    skipped: Sequence[str]
    watched: dict[str, Any] | None

    @property
    def faults(self) -> list[str]:
        return [f"{each.stations} stations: {fault}" for each in self.results for fault in each.faults]

    def print(self) -> None:
        for line in self._body():
            print(line)

    def write(self, path: Path) -> None:
        notes = NO_NOTES
        if path.exists() and (former := path.read_text()).count(NOTES[0]) == 1:
            notes = former.partition(NOTES[0])[2].partition(NOTES[1])[0].strip()
        given = self.arguments
        how = f"{given.rounds} rounds, {given.seconds:g} s a measurement"
        machine = [
            f"{self.facts['cpu']}, {self.facts['kernel']}, {self.facts['python']}; {self.facts['pinned']}."
        ]
        machine.append(f"Load average {self.facts['load_average']}; {how}.")
        lines = ["# Results", "", f"{self.facts['date']}, commit `{self.facts['commit']}`.", *machine, ""]
        lines += ["Written by `make bench BENCH=--write`; README.md says how it is measured.", ""]
        lines += [NOTES[0], notes, NOTES[1], "", *self._body()]
        path.write_text("\n".join(lines).rstrip() + "\n")

    def as_json(self) -> dict[str, Any]:
        arguments = {name: value for name, value in vars(self.arguments).items() if name != "json"}
        results = [asdict(each) for each in self.results]
        return {
            "machine": self.facts,
            "arguments": arguments,
            "relay": results,
            "watch": self.watched,
            "skipped": list(self.skipped),
            "faults": self.faults,
        }

    def _body(self) -> Iterable[str]:
        for result in self.results:
            yield f"## Relay, {result.stations} stations"
            yield ""
            yield from _relay_table(result)
            yield ""
        if self.results:
            yield f"In brackets: times {self.results[0].reference} of the same round, the median. Values are medians too."
            yield ""
            yield from (
                f"- {each.name}: {each.about}"
                for each in candidates.ALL
                if _was_there(self.results, each.name)
            )
            yield from (f"- not measured: {each}" for each in self.skipped)
            yield ""
        if self.faults:
            yield "Not to be trusted:"
            yield ""
            yield from (f"- {fault}" for fault in self.faults)
            yield ""
        if self.watched is not None:
            yield from _watch_section(self.watched)


def _was_there(results: Sequence[Result], name: str) -> bool:
    return any(name in result.values for result in results)


def _relay_table(result: Result) -> list[str]:
    names = [each.name for each in candidates.ALL if each.name in result.values]
    rows = [[name, *(_cell(result, name, figure) for figure in FIGURES)] for name in names]
    return _table(["proxy", *(figure.title for figure in FIGURES)], rows)


def _cell(result: Result, name: str, figure: Figure) -> str:
    value = result.median(name, figure.key)
    if value is None:
        return "-"
    ratio = result.ratio(name, figure.key)
    compared = f" ({ratio:.2f})" if ratio is not None and figure.compared and name != result.reference else ""
    return f"{value:,.{figure.digits}f}{compared}"


def _watch_section(watched: dict[str, Any]) -> Iterable[str]:
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in watched["kinds"].items())
    yield f"## Watch, {watched['fleet']:,} stations, {watched['records']:,} records"
    yield ""
    yield f"Records: {kinds}; {watched['bytes_record']:.0f} bytes each. All shipped rules. Records a second of CPU time on one core (of wall time)."
    yield ""
    rows = [
        [title, f"{watched[name]['records_s']:,.0f} ({watched[name]['records_s_wall']:,.0f})"]
        for name, title in (
            ("follow", "watch: journal → sessions, detectors, store"),
            ("follow_spool", "the same, and InfluxDB's lines to their spool"),
            ("read", "journal reader alone"),
        )
    ]
    stages = watched["stages"]
    rows.append(["InfluxDB lines and spool alone", f"{stages['lines_records_s']:,.0f}"])
    yield from _table(["", "records/s"], rows)
    yield ""
    append = watched["append"]
    yield f"Journal append: {append['us_record_pump']:.2f} µs a record in the pump, {append['us_record']:.2f} µs with encoding and writing. "
    yield f"InfluxDB: {stages['lines_s']:,.0f} lines/s. Found: {watched['follow']['flags']:.0f} flags raised at the end, {watched['follow']['alerts']:.0f} changes of alerts."
    yield ""
    yield from _table(
        ["stage", "µs a record"],
        [[title, f"{stages[key]:.1f}"] for key, title in STAGES.items() if key in stages],
    )
    yield ""
    if "profile" in watched:
        yield "Where the time goes (cProfile: calls of Python code weigh more than they do):"
        yield ""
        rows = [
            [
                f"`{each['function']}`",
                f"{each['calls']:,}",
                f"{each['own_s']:.2f}",
                f"{each['share']:.1%}",
                f"{each['with_callees_s']:.2f}",
            ]
            for each in watched["profile"]
        ]
        yield from _table(["function", "calls", "own s", "share", "with callees s"], rows)
        yield ""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table whose columns also stand straight in a terminal."""
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]

    def line(cells: Sequence[str]) -> str:
        first, *others = zip(cells, widths, strict=True)
        return (
            "| "
            + " | ".join([first[0].ljust(first[1]), *(text.rjust(width) for text, width in others)])
            + " |"
        )

    rule = "|" + "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]) + "|"
    return [line(heads), rule, *(line(row) for row in rows)]
