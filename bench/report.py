"""The results as tables: for the terminal, for RESULTS.md and TRUTH.md, and as JSON."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import candidates
import goals
from profiling import Profile
from relay_bench import FIGURES, Result
from scenarios.base import Figure
from tables import table
from truth import truth_report

NOTES = ("<!-- notes -->", "<!-- /notes -->")
"""What stands between them in a written file is a person's, and is kept when the file is written again."""
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
    profiles: Sequence[Profile]
    skipped: Sequence[str]
    watched: dict[str, Any] | None
    truth: dict[str, Any] | None = None

    @property
    def faults(self) -> list[str]:
        return self._relay_faults + (self.truth["faults"] if self.truth else [])

    @property
    def _relay_faults(self) -> list[str]:
        return [f"{each.stations} stations: {fault}" for each in self.results for fault in each.faults]

    @property
    def shed(self) -> list[str]:
        return [f"{each.stations} stations: {what}" for each in self.results for what in each.shed]

    def print(self) -> None:
        for line in (*self._measured(), *self._compared()):
            print(line)

    def write(self, folder: Path) -> list[Path]:
        """RESULTS.md with what was measured, TRUTH.md with what was compared: each where its parts ran, so neither wipes the other."""
        given, written = self.arguments, []
        if self.results or self.watched is not None:
            machine = f"{self.facts['cpu']}, {self.facts['kernel']}, {self.facts['python']}; {self.facts['pinned']}."
            how = f"{given.rounds} rounds, {given.seconds:g} s a measurement"
            about = [machine, f"Load average {self.facts['load_average']}; {how}."]
            written.append(self._written(folder / "RESULTS.md", "Results", about, self._measured()))
        if self.truth is not None:
            about = [f"Seed {given.seed}: the same seed lives the same lives on any machine."]
            written.append(self._written(folder / "TRUTH.md", "Truth", about, self._compared()))
        return written

    def _written(self, path: Path, title: str, about: Sequence[str], body: Iterable[str]) -> Path:
        notes = NO_NOTES
        if path.exists() and (former := path.read_text()).count(NOTES[0]) == 1:
            notes = former.partition(NOTES[0])[2].partition(NOTES[1])[0].strip()
        lines = [f"# {title}", "", f"{self.facts['date']}, commit `{self.facts['commit']}`.", *about, ""]
        lines += ["Written by `make bench BENCH=--write`; README.md says how it is measured.", ""]
        lines += [NOTES[0], notes, NOTES[1], "", *body]
        path.write_text("\n".join(lines).rstrip() + "\n")
        return path

    def as_json(self) -> dict[str, Any]:
        arguments = {name: value for name, value in vars(self.arguments).items() if name != "json"}
        results = [asdict(each) for each in self.results]
        return {
            "machine": self.facts,
            "arguments": arguments,
            "relay": results,
            "watch": self.watched,
            "truth": self.truth,
            "profiles": [asdict(each) for each in self.profiles],
            "goals": [asdict(each) for each in goals.rows(self.results, self.watched)],
            "skipped": list(self.skipped),
            "shed": self.shed,
            "faults": self.faults,
        }

    def _measured(self) -> Iterable[str]:
        if judged := goals.rows(self.results, self.watched):
            yield from _goals_section(judged)
        for result in self.results:
            with_tls = ", TLS" if result.tls else ""
            yield f"## Relay, {result.stations:,} stations{with_tls}"
            yield ""
            yield from _relay_table(result)
            yield ""
        if self.results:
            references = dict.fromkeys(each.reference for each in self.results)
            yield f"In brackets: times {' or '.join(references)} of the same round, the median. Values are medians too."
            if any(each.tls for each in self.results):
                yield "TLS is 1.3 with X25519, AES-128-GCM and an EC P-256 certificate for all; every handshake is a full one."
            yield ""
            yield from (
                f"- {each.name}: {each.about}"
                for each in candidates.ALL
                if _was_there(self.results, each.name)
            )
            yield from (
                f"- not measured with more than {each.stations_max:,} stations: {each.name}"
                for each in candidates.ALL
                if each.stations_max
                and _was_there(self.results, each.name)
                and max(self.arguments.counts) > each.stations_max
            )
            yield from (f"- not measured: {each}" for each in self.skipped)
            yield ""
        yield from _profile_section(self.profiles)
        if self.shed:
            yield "More was sent than the disk took; every byte was carried, and of the copies were dropped:"
            yield ""
            yield from (f"- {each}" for each in self.shed)
            yield ""
        yield from _not_to_be_trusted(self._relay_faults)
        if self.watched is not None:
            yield from _watch_section(self.watched)

    def _compared(self) -> Iterable[str]:
        if self.truth is not None:
            yield from _not_to_be_trusted(self.truth["faults"])
            yield from truth_report.section(self.truth)


def _not_to_be_trusted(faults: Sequence[str]) -> Iterable[str]:
    if faults:
        yield "Not to be trusted:"
        yield ""
        yield from (f"- {fault}" for fault in faults)
        yield ""


def _was_there(results: Sequence[Result], name: str) -> bool:
    return any(name in result.values for result in results)


def _relay_table(result: Result) -> list[str]:
    names = [each.name for each in candidates.ALL if each.name in result.values]
    shown = [each for each in FIGURES if any(result.median(name, each.key) is not None for name in names)]
    rows = [[name, *(_cell(result, name, figure) for figure in shown)] for name in names]
    return table(["proxy", *(figure.title for figure in shown)], rows)


def _goals_section(judged: Sequence[goals.Row]) -> Iterable[str]:
    yield "## Goals"
    yield ""
    yield "In brackets: stations. A goal that speaks of no number is judged at each that was measured."
    yield ""
    yield from table(
        ["goal", "to reach", "measured", "reached"],
        [[each.what, each.goal, each.measured, each.reached] for each in judged],
    )
    yield ""


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
    yield from table(["", "records/s"], rows)
    yield ""
    append = watched["append"]
    yield f"Journal append: {append['us_record_pump']:.2f} µs a record in the pump, {append['us_record']:.2f} µs with encoding and writing. "
    yield f"InfluxDB: {stages['lines_s']:,.0f} lines/s. Found: {watched['follow']['flags']:.0f} flags raised at the end, {watched['follow']['alerts']:.0f} changes of alerts."
    yield ""
    yield from table(
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
        yield from table(["function", "calls", "own s", "share", "with callees s"], rows)
        yield ""


def _profile_section(profiles: Sequence[Profile]) -> Iterable[str]:
    if not profiles:
        return
    yield f"## Where the relay's CPU time goes, {profiles[0].stations:,} stations, closed loop"
    yield ""
    yield from table(
        ["proxy", "user, µs a message", "kernel, µs a message", "in the kernel"],
        [
            [each.candidate, f"{each.user_us:.1f}", f"{each.kernel_us:.1f}", f"{each.kernel_share:.0%}"]
            for each in profiles
        ],
    )
    yield ""
    for each in profiles:
        if each.why_none:
            yield f"{each.candidate}: {each.why_none}."
        elif each.candidate.startswith(goals.OURS):
            libraries = ", ".join(f"{name} {share:.0%}" for name, share in each.libraries if share >= 0.01)
            yield f"{each.candidate}, by library: {libraries}. The heaviest symbols:"
            yield ""
            yield from table(
                ["symbol", "in", "share"],
                [[f"`{name}`", library, f"{share:.1%}"] for share, library, name, _kernel in each.symbols],
            )
        else:
            continue
        yield ""
