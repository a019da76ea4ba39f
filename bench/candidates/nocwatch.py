"""nocwatch's relay as its own process, journal on, as ``nocwatch run`` starts it."""

from __future__ import annotations

import sys
from pathlib import Path

from candidates.base import Candidate


class Nocwatch(Candidate):
    name = "nocwatch"
    about = "`nocwatch relay`, every byte to the journal"

    def command(self, folder: Path, port: int, upstream: int) -> list[str | Path]:
        return [
            sys.executable, "-m", "nocwatch", "relay", "--data", folder / "data",
            "--listen", f"127.0.0.1:{port}", "--upstream", f"ws://127.0.0.1:{upstream}",
            "--set", "relay.status=null",
        ]  # fmt: skip
