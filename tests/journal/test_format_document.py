"""FORMAT.md says what the code does, and names all that there is to name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from tests.support.certificates import Authority
from tests.support.relaying import running, settings_for

import nocwatch.journal
from nocwatch.journal import blocks, counters, lane, reader
from nocwatch.proxy.x509 import first_of_pem
from nocwatch.records import RecordKind

TEXT = Path(nocwatch.journal.__file__).with_name("FORMAT.md").read_text(encoding="utf-8")
FOLLOW = Path(nocwatch.journal.__file__).with_name("follow.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*counters.COUNTERS, *reader.COUNTERS])
def test_each_counter_has_its_line(name: str) -> None:
    assert f"\n| {name} |" in TEXT


def test_no_counter_is_documented_that_is_not_there() -> None:
    assert set(re.findall(r"\n\| (journal_\w+) \|", TEXT)) == {*counters.COUNTERS, *reader.COUNTERS}


async def test_the_relays_counters_are_those_that_a_tick_holds(tmp_path: Path) -> None:
    async with running(settings_for(1)) as (relay, _):
        seen = first_of_pem(Authority(tmp_path).certificate.read_bytes())
        relay._pairing.upstreams[0].certificate = seen
        relay.counters.refused["timeout"] = relay.counters.closed["csms_fin"] = 1
        ticked = {name for name in relay.tick() if not name.startswith("journal_")}
    kinds = {
        "refused_timeout": "refused_<reason>",
        "closed_csms_fin": "closed_<by>_<reason>",
        "upstream_up_main": "upstream_up_<name>",
        "certificate_expires_csms_main": "certificate_expires_<of>_<name>",
    }
    table = TEXT.split("The relay's own, in TICK:")[1]
    assert set(re.findall(r"\n\| `?(\w[\w<>]*)`? \|", table)) - {"name"} == {
        kinds.get(name, name) for name in ticked
    }


def test_each_kind_and_each_damage_is_named() -> None:
    for kind in RecordKind:
        assert f"\n| {kind.value} | {kind.name} |" in TEXT
    for damage in set(get_args(blocks.Damage)) - {"truncated"}:
        assert f"| `{damage}` |" in TEXT


def test_each_reason_of_a_gap_is_named() -> None:
    made_up = {"corrupt", "hole", "unclean_start", "expired", "replaced"}
    assert all(f'"{reason}"' in FOLLOW for reason in made_up)
    for reason in made_up | {"disk_full", "write_error", "slow_disk"}:
        assert f"\n| `{reason}` |" in TEXT


def test_the_numbers_are_the_codes() -> None:
    assert " ".join(f"{byte:02X}" for byte in blocks.MAGIC) in TEXT
    for number in (blocks.BLOCK_RECORDS_MAX, blocks.BLOCK_DATA_MAX, lane.RESUME_SKIP):
        assert f"{number:,}" in TEXT
    assert blocks.RECORD_DATA_MAX == 16 << 20
    assert blocks.SEQUENCE_MAX == 1 << 47
    assert reader.SILENCE_NS_MAX == 10 * 10**9
    assert (blocks.HEADER_SIZE, blocks.RECORD_SIZE, blocks.VERSION) == (48, 21, 1)
