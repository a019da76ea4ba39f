"""How frames are numbered in the database: one integer of lane and sequence, so that each lane is one run of the table. Pure."""

from __future__ import annotations

from nocwatch.frames import frame_ref, parse_frame_ref

LANES_MAX = 16
"""The connection number has four bits for the lane (see journal/FORMAT.md)."""
_SEQUENCE_BITS = 59
"""What is left of a signed 64-bit integer: 2**43 records of a lane, eighteen thousand years at 15 a millisecond."""


def frame_id(lane: int, sequence: int) -> int:
    """The row id of a frame. Rises with the sequence within a lane."""
    assert 0 <= lane < LANES_MAX, lane
    assert 0 <= sequence < 1 << _SEQUENCE_BITS, sequence
    return lane << _SEQUENCE_BITS | sequence


def ref_of(row_id: int) -> str:
    """The ref of the frame with that row id."""
    return frame_ref(row_id >> _SEQUENCE_BITS, row_id & ((1 << _SEQUENCE_BITS) - 1))


def id_of_ref(ref: str) -> int | None:
    """The row id of a ref; None where it is none (a trace may bring what it likes)."""
    try:
        lane, sequence = parse_frame_ref(ref)
    except ValueError:
        return None
    if not 0 <= lane < LANES_MAX or not 0 <= sequence < 1 << _SEQUENCE_BITS:
        return None
    return frame_id(lane, sequence)


def lane_range(lane: int) -> tuple[int, int]:
    """First and last row id that a lane can have."""
    return lane << _SEQUENCE_BITS, (lane + 1 << _SEQUENCE_BITS) - 1
