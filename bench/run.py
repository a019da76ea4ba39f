"""The bench: the relay beside other proxies, the watch on its own, and the truth of what it rebuilds. ``make bench BENCH="--quick"``; see README.md.

Exit status 0 when every round trip came back, 1 when something was lost or a candidate failed, 2 for wrong arguments.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import candidates
import machine
import profiling
import relay_bench
import report
from machine import tell
from scenarios.base import Options

HERE = Path(__file__).resolve().parent
PARTS = ("relay", "watch", "truth")
USUAL_PARTS = PARTS[:2]


@dataclass(frozen=True)
class Usual:
    """What holds where the command line says nothing else."""

    stations: str
    seconds: float
    warm: float
    rounds: int


QUICK = Usual("50", seconds=1.0, warm=0.3, rounds=1)
NORMAL = Usual("100,1000", seconds=3.0, warm=1.0, rounds=3)
FULL = Usual("100,1000,5000,9900", seconds=2.0, warm=1.0, rounds=2)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run.py", description=__doc__.splitlines()[0])
    parser.add_argument("--part", help="of relay, watch and truth; the first two by default")
    parser.add_argument(
        "--quick", action="store_true", help="below a minute: does everything work? No figures to quote"
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="every goal: also TLS, two workers, 5,000 and 9,900 stations; 2 s and 2 rounds by default",
    )
    parser.add_argument(
        "--candidates",
        metavar="A,B",
        help=f"of {', '.join(each.name for each in candidates.ALL)}; "
        f"by default all but {', '.join(each.name for each in candidates.ALL if each.only_in_full)}",
    )
    parser.add_argument("--stations", metavar="N,M", help="how many stations: 100,1000 by default")
    parser.add_argument("--seconds", type=float, help="of each measurement: 3 by default")
    parser.add_argument("--rounds", type=int, help="how often each candidate is visited: 3 by default")
    parser.add_argument("--rate", type=float, default=1000.0, help="round trips a second of the open loop")
    parser.add_argument("--records", type=int, help="of the watch's journal: 200000 by default")
    parser.add_argument("--fleet", type=int, help="stations in the watch's journal: 2000 by default")
    parser.add_argument(
        "--seed", type=int, default=1, help="of the watch's journal, and of the truth's worlds"
    )
    parser.add_argument(
        "--sessions", type=int, help="of the truth: 100000 with --full, 2000 with --quick, else 20000"
    )
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count() or 1, help="that live the truth's worlds"
    )
    parser.add_argument(
        "--case", help="of the truth: this one alone, with --version, --seed and --sessions: one world"
    )
    parser.add_argument("--version", help="of OCPP, of the truth: this one alone; with --case 1.6 by default")
    parser.add_argument("--profile", action="store_true", help="where the relay's and the watch's time goes")
    parser.add_argument(
        "--write", action="store_true", help="write RESULTS.md (relay, watch) and TRUTH.md beside this file"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="all values of all rounds")
    given = parser.parse_args()
    try:
        given.parts = _chosen(given.part, PARTS, USUAL_PARTS)
        given.names = _chosen(
            given.candidates,
            [each.name for each in candidates.ALL],
            [each.name for each in candidates.ALL if given.full or not each.only_in_full],
        )
        usual = QUICK if given.quick else FULL if given.full else NORMAL
        given.counts = [int(each) for each in (given.stations or usual.stations).split(",")]
    except ValueError as error:
        parser.error(str(error))
    given.seconds = given.seconds or usual.seconds
    given.rounds = given.rounds or usual.rounds
    given.warm = usual.warm
    given.records = given.records or (10_000 if given.quick else 200_000)
    given.sessions = given.sessions or (2000 if given.quick else 100_000 if given.full else 20_000)
    given.fleet = given.fleet or (200 if given.quick else 2000)
    return given


def _chosen(text: str | None, known: Sequence[str], usual: Sequence[str] = ()) -> list[str]:
    names = text.split(",") if text else list(usual or known)
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"not known: {', '.join(unknown)}; there are {', '.join(known)}")
    return [name for name in known if name in names]


def main() -> int:
    given = _arguments()
    facts = machine.described()
    os.sched_setaffinity(0, machine.LOAD_CORES)
    descriptors = machine.raise_descriptors()
    skipped, results, profiles, watched = [], [], [], None
    if "relay" in given.parts:
        if not (machine.BIN / "loadgen").exists():
            raise SystemExit("bench/bin is empty: run `make -C bench bin` first, or `make bench`")
        if max(given.counts) * 2 + 200 > descriptors:
            tell(
                f"{descriptors} open files are allowed: a proxy of {max(given.counts)} stations needs two each"
            )
        chosen = [each for each in candidates.ALL if each.name in given.names]
        skipped = [f"{each.name}: {each.missing()}" for each in chosen if each.missing()]
        chosen = [each for each in chosen if not each.missing()]
        if not chosen:
            raise SystemExit("no candidate can run: " + "; ".join(skipped))
        options = Options(seconds=given.seconds, warm=given.warm, rate=given.rate, quick=given.quick)
        results = relay_bench.run(chosen, given.counts, given.rounds, options, candidates.REFERENCES)
        if given.profile:
            profiles = profiling.run(chosen, given.counts, options)
    if "watch" in given.parts:
        from watching import watch_bench  # the relay's part needs nothing of nocwatch in this process

        watched = watch_bench.run(
            given.fleet, given.records, given.seed, rounds=given.rounds, profile=given.profile
        )
    truth = None
    if "truth" in given.parts:
        from truth import truth_bench

        one = None if given.case is None else (given.case, given.version or "1.6")
        truth = truth_bench.run(
            given.sessions, given.seed, processes=given.processes, one=one, version=given.version
        )
    made = report.Report(facts, given, results, profiles, skipped, watched, truth)
    made.print()
    if given.json:
        given.json.write_text(json.dumps(made.as_json(), indent=1) + "\n")
    if given.write:
        for path in made.write(HERE):
            tell(f"written: {path}")
    return 1 if made.faults else 0


if __name__ == "__main__":
    sys.exit(main())
