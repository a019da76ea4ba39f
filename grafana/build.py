"""Writes dashboards/*.json from the code beside it: ``python grafana/build.py``. A test holds that they agree."""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import charger  # noqa: E402
from grafana_foundation_sdk.cog.encoder import JSONEncoder  # noqa: E402

DASHBOARDS = {"charger": charger.build}


def rendered(name: str) -> str:
    """The JSON of one dashboard, keys sorted so that a change shows as a small difference."""
    board = json.loads(json.dumps(DASHBOARDS[name](), cls=JSONEncoder))
    for number, panel in enumerate(board["panels"], 1):
        panel["id"] = number  # links to one panel and its alerts name it by this
    return json.dumps(board, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> None:
    for name in DASHBOARDS:
        (HERE / "dashboards" / f"{name}.json").write_text(rendered(name), encoding="utf-8")


if __name__ == "__main__":
    main()
