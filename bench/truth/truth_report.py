"""The truth's figures as tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tables import table

DISAGREEMENTS_MAX = 40
"""Groups that are shown, the largest first; ``--json`` has all."""


def section(truth: dict[str, Any]) -> Iterable[str]:
    """As a part of the report."""
    total = truth["total"]
    yield f"## Truth, {total['lives']:,} sessions"
    yield ""
    yield (
        f"{truth['worlds']:,} worlds, {truth['hours']:,.0f} hours of virtual time, {truth['records']:,} records; "
        f"{truth['cpu_s']:,.0f} s of CPU time, {truth['wall_s']:,.0f} s with {truth['processes']} process(es)."
    )
    yield ""
    yield from table(
        [
            "OCPP",
            "sessions",
            "outcome agrees",
            "energy agrees",
            "reason agrees",
            "blame agrees",
            "words agree",
        ],
        [
            [version, f"{counts['lives']:,}", *_shares(counts)]
            for version, counts in [*truth["versions"].items(), ("all", total)]
        ],
    )
    yield ""
    yield "Blame is of those in which either names one; words of those to whom CSMS, vehicle or terminal said something beside (cost, settlement, needs, priority). What does not agree, the most frequent first (truth → verdict):"
    yield ""
    shown = truth["disagreements"][:DISAGREEMENTS_MAX]
    yield from table(
        ["how many", "truth → verdict", "one of them"],
        [[f"{each['count']:,}", each["text"], each["example"]] for each in shown] or [["0", "none", "-"]],
    )
    yield ""
    if len(truth["disagreements"]) > len(shown):
        yield f"{len(truth['disagreements']) - len(shown)} more kinds are in `--json`."
        yield ""
    yield from table(
        ["OCPP", "case", "sessions", "outcome", "energy", "reason", "blame", "words"],
        [[each["version"], each["case"], f"{each['lives']:,}", *_shares(each)] for each in truth["rows"]],
    )
    yield ""


def _shares(counts: dict[str, int]) -> list[str]:
    shares = [_share(counts[name], counts["lives"]) for name in ("outcome", "energy", "reason")]
    return [*shares, _share(counts["blame"], counts["blamed"]), _share(counts["words"], counts["spoken"])]


def _share(part: int, whole: int) -> str:
    if not whole:
        return "-"
    return "100 %" if part == whole else f"{100 * part / whole:.2f} %"
