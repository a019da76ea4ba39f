"""What the fuzzer ever broke stays mended; and a short turn of each target with inputs of Hypothesis."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.seeds import SEEDS
from tests.fuzz.targets import TARGETS

FINDINGS = Path(__file__).parent / "findings"


@pytest.mark.parametrize(
    "path",
    sorted(path for path in FINDINGS.rglob("*") if path.is_file()),
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_what_the_fuzzer_once_broke_holds(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_where_the_fuzzer_begins_every_law_of_a_target_stands(name: str) -> None:
    for seed in SEEDS[name]:
        TARGETS[name](seed)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_any_bytes_leave_every_law_of_a_target_standing(name: str) -> None:
    changed = st.tuples(st.sampled_from(SEEDS[name]), st.integers(0, 300), st.binary(max_size=12)).map(
        lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] :]
    )

    @given(st.binary(max_size=300) | changed)
    @settings(deadline=None, max_examples=40, derandomize=True)  # new inputs are the fuzzer's to find
    def holds(data: bytes) -> None:
        TARGETS[name](data)

    holds()
