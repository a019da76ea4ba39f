"""nocwatch before a CSMS, and behind a station, that this project did not write: compression and all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import trio
from tests.support.deployment import Deployment, listens, until

FOREIGN = Path(__file__).parent / "foreign"


async def test_a_session_appears_of_a_foreign_station_on_a_foreign_csms(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    with (tmp_path / "foreign.log").open("wb") as log:
        csms = subprocess.Popen(
            [sys.executable, str(FOREIGN / "central_system.py"), str(deployment.ports["csms"])], stderr=log
        )
        try:
            await until(lambda: listens(deployment.ports["csms"]), "the foreign CSMS listens")
            await deployment.relay()
            await deployment.watch()
            charged = await trio.to_thread.run_sync(
                lambda: subprocess.run(
                    [sys.executable, str(FOREIGN / "charge_point.py"), deployment.relay_url],
                    capture_output=True, text=True, timeout=60, check=False,
                )
            )  # fmt: skip
            assert charged.returncode == 0, charged.stderr

            async def seen() -> list[dict[str, object]]:
                return [each for each in await deployment.all("sessions") if each["outcome"] == "success"]

            (session,) = await until(seen, "the session shows")
            assert (session["station"], session["transaction"], session["energy_wh"]) == (
                "CP_FOREIGN",
                4711,
                7000.0,
            )
            assert session["start_source"] == "rfid"
            assert session["token"] != "04A1B2C3D4"
        finally:
            csms.terminate()
            csms.wait()
            deployment.end()
