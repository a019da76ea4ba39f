"""mitmproxy as people use it to look at WebSockets: reverse mode, an addon that sees each message.

Not among the project's packages, whose versions it would dictate: ``make -C bench mitmproxy`` puts it into a virtual environment of its own.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from candidates.base import Candidate

_OWN = Path(__file__).resolve().parent.parent / "mitmproxy-venv" / "bin" / "mitmdump"
_ADDON = """\
seen = 0


def websocket_message(flow):
    global seen
    seen += len(flow.websocket.messages[-1].content)
    flow.websocket.messages.clear()
"""


class Mitmproxy(Candidate):
    name = "mitmproxy"
    about = "`mitmdump`, reverse mode, an addon that sees each message and keeps none"
    stations_max: int | None = 1000
    slow = True

    def missing_program(self) -> str:
        return "" if self._program() else "mitmproxy is not installed (make -C bench mitmproxy)"

    def command(self, folder: Path, port: int, upstream: int) -> list[str | Path]:
        addon = folder / "seen.py"
        addon.write_text(_ADDON)
        return [
            self._program() or "mitmdump", "--quiet", "--mode", f"reverse:http://127.0.0.1:{upstream}",
            "--listen-host", "127.0.0.1", "--listen-port", str(port), "--set", f"confdir={folder}", "-s", addon,
        ]  # fmt: skip

    @staticmethod
    def _program() -> str | None:
        return str(_OWN) if _OWN.exists() else shutil.which("mitmdump")
