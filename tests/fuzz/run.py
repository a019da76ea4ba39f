"""``make fuzz``: coverage-guided fuzzing of everything that reads what strangers write, for FUZZ_MINUTES.

The targets take turns, each in a process of its own (libFuzzer never returns), and what one turn learnt the next begins
with. What breaks is kept as a file in ``findings/``, where the tests read it; the summary names it, and the end is 1.
Needs ``atheris``; one process at a time, so that it can run beside other work.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from tests.fuzz.seeds import SEEDS

ROOT = Path(__file__).parents[2]
FINDINGS = Path(os.environ.get("FUZZ_FINDINGS") or Path(__file__).parent / "findings")
CORPUS = Path(os.environ.get("FUZZ_CORPUS") or ROOT / ".hypothesis" / "fuzz")
TURN_S = 60
INPUT_BYTES_MAX = 2048
HANG_S = 20
"""No input of that size takes a hundredth of it."""
MEMORY_MIB_MAX = 1024
WORDS_MAX = 4000
_ARTIFACT = re.compile(r"Test unit written to (\S*/timeout-[0-9a-f]+)")
ROUNDS_AFTER_A_FINDING = 3
"""A target that broke so often waits for its mending: it would only find the same again."""


def fuzz(name: str) -> None:
    """One turn, in this process. Does not return."""
    import atheris

    with atheris.instrument_imports(include=["nocwatch.proxy", "nocwatch.tap", "nocwatch.ocpp"]):
        from tests.fuzz.targets import TARGETS

    atheris.Setup(sys.argv, TARGETS[name])
    atheris.Fuzz()


def turn(name: str, seconds: int) -> tuple[int, str]:
    """(how many inputs, the last words of a turn that broke)."""
    corpus = CORPUS / name
    corpus.mkdir(parents=True, exist_ok=True)
    for index, seed in enumerate(SEEDS.get(name, ())):
        (corpus / f"seed{index}").write_bytes(seed)
    (FINDINGS / name).mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [
            sys.executable, "-m", "tests.fuzz.run", str(corpus), str(FINDINGS / name),
            f"-max_total_time={seconds}", f"-max_len={INPUT_BYTES_MAX}", f"-timeout={HANG_S}", f"-rss_limit_mb={MEMORY_MIB_MAX}",
            f"-artifact_prefix={FINDINGS / name}/", "-print_final_stats=1", "-close_fd_mask=0",
        ],
        cwd=ROOT, env={**os.environ, "FUZZ_TARGET": name}, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    told = done.stdout + done.stderr
    count = next(
        (int(line.split()[-1]) for line in told.splitlines() if "number_of_executed_units" in line), 0
    )
    words = told[max(0, told.find("Uncaught Python exception")) :] if done.returncode else ""
    if words and not broke(name, words):
        words = ""
    return count, words[: WORDS_MAX // 2] + words[-WORDS_MAX // 2 :] if len(words) > WORDS_MAX else words


def broke(name: str, words: str) -> bool:
    """False where libFuzzer's clock on the wall was the only one to run out: on a busy machine it counts the others' time too.

    The input is tried once more alone, by the processor's clock. What holds then is no finding, and its file goes.
    """
    written = _ARTIFACT.search(words)
    if "libFuzzer: timeout" not in words or written is None:
        return True
    again = f"from tests.fuzz.targets import TARGETS; TARGETS[{name!r}](open({written[1]!r}, 'rb').read())"
    code = f"import resource; resource.setrlimit(resource.RLIMIT_CPU, ({HANG_S}, {HANG_S})); {again}"
    if subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False).returncode:
        return True
    Path(written[1]).unlink()
    return False


def main() -> int:
    from tests.fuzz.targets import TARGETS

    minutes = float(os.environ.get("FUZZ_MINUTES", "60"))
    names = [name for name in os.environ.get("FUZZ_TARGETS", "").split(",") if name] or list(TARGETS)
    until_s = time.monotonic() + minutes * 60
    counts = dict.fromkeys(names, 0)
    findings: dict[str, list[str]] = {name: [] for name in names}
    while time.monotonic() < until_s:
        ready = [name for name in names if len(findings[name]) < ROUNDS_AFTER_A_FINDING]
        if not ready:
            break
        for name in ready:
            left_s = until_s - time.monotonic()
            if left_s < 1:
                break
            count, words = turn(name, max(1, int(min(TURN_S, left_s, minutes * 60 / len(ready)))))
            counts[name] += count
            if words:
                findings[name].append(words)
            print(f"{name}: {counts[name]:,} inputs{', BROKE' if words else ''}", flush=True)
            if words:
                print(words, flush=True)
    print(f"\n{minutes:g} minutes, {sum(counts.values()):,} inputs:")
    for name in names:
        print(
            f"  {name:12} {counts[name]:>14,}  {f'broke {len(findings[name])} times' if findings[name] else 'held'}"
        )
    return 1 if any(findings.values()) else 0


if __name__ == "__main__":
    if target := os.environ.get("FUZZ_TARGET"):
        fuzz(target)
    sys.exit(main())
