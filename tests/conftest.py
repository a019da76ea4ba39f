"""What all tests share: whether a real server is there, and that none is passed over in silence."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nocwatch" / "servers"
SERVERS = Path(os.environ.get("NOCWATCH_SERVERS") or _CACHE)
_NAMES = {"alertmanager": "prometheus-alertmanager"}
_FILES = {"nginx-stream": Path("/usr/lib/nginx/modules/ngx_stream_module.so")}
"""What is no program: a module that another one loads."""
REQUIRED = bool(os.environ.get("NOCWATCH_REQUIRE_SERVERS"))


def program(name: str) -> str | None:
    """Path of a server's program, None where it is not installed."""
    built = SERVERS / name
    if built.exists():
        return str(built)
    if name in _FILES:
        return str(_FILES[name]) if _FILES[name].exists() else None
    return shutil.which(_NAMES.get(name, name))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("server"):
            for name in mark.args:
                if program(name) is None and not REQUIRED:
                    item.add_marker(pytest.mark.skip(reason=f"{name} is not installed (make servers)"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    missing = [name for mark in item.iter_markers("server") for name in mark.args if program(name) is None]
    if missing and REQUIRED:
        pytest.fail(
            f"not installed, and NOCWATCH_REQUIRE_SERVERS is set: {', '.join(missing)} (make servers)"
        )


@pytest.fixture
def server_program() -> object:
    """``server_program("influxd1")`` → its path."""
    return program
