"""The real servers of tests/sinks, and the dashboards as they are committed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.sinks.conftest import database, influx

__all__ = ["database", "influx"]
FOLDER = Path(__file__).resolve().parents[2] / "grafana"
if str(FOLDER) not in sys.path:
    sys.path.append(str(FOLDER))  # dashboards are programs of their own, not part of the package


@pytest.fixture(scope="session")
def folder() -> Path:
    return FOLDER


@pytest.fixture(scope="session", params=sorted(path.stem for path in (FOLDER / "dashboards").glob("*.json")))
def dashboard(request: pytest.FixtureRequest) -> dict[str, Any]:
    return json.loads((FOLDER / "dashboards" / f"{request.param}.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]
