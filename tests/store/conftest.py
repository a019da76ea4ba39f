from __future__ import annotations

import pytest

from nocwatch.store import Store


@pytest.fixture
def store(tmp_path):
    opened = Store.open(f"sqlite:///{tmp_path}/data/nocwatch.db")
    yield opened
    opened.close()
