"""Registers that count from elsewhere than the meter's birth, and what of a transaction's energy no reading of them shows.

Labels (units, phases, places) are ``sampling``'s business; what really flowed is ``physics``'. What always holds: a register's oddity
changes nothing of what really flowed, and what it hides is said in the transaction's ``hidden_wh``.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import replace

from nocwatch.sim.parts import Connector, Transaction
from nocwatch.sim.physics import Meter, Reading

BITS_32 = float(2**32)
WRAPS_WH = (BITS_32, BITS_32, BITS_32 / 10, 1e8)
"""Where registers begin anew: 32 bits of watt-hours (most of them) or of tenths, and five digits of kWh."""
SIGN_BIT = float(2**31)
BEFORE_WH = (50.0, 4_000.0)
"""So little before that the first drivers come to see it."""
SAME_WH = 1.0
"""A register that shows less than before by so much may have been rounded."""
SAVED_SHARE = 0.9
"""A register that shows so much of what it showed before a boot may as well be one that its station had saved a while ago."""


def meter(rng: random.Random, current: str, quirks: AbstractSet[str]) -> Meter:
    """A connector's meter as it was when the station was switched on."""
    if "register_32_bit" in quirks:
        return Meter(rng, current=current, register_wh=BITS_32 - 400.0)
    if "register_wraps" in quirks:
        top_wh = rng.choice(WRAPS_WH)
        return Meter(
            rng, current=current, register_wh=float(round(top_wh - rng.uniform(*BEFORE_WH))), top_wh=top_wh
        )
    if "register_signed" in quirks:
        start_wh = float(round(SIGN_BIT - rng.uniform(*BEFORE_WH)))
        return Meter(rng, current=current, register_wh=start_wh, top_wh=BITS_32, signed=True)
    return Meter(rng, current=current, register_wh=0.0 if "register_per_boot" in quirks else None)


def session_begins(connector: Connector, quirks: AbstractSet[str]) -> None:
    """A vehicle's turn: some registers begin anew with it."""
    if "register_per_session" in quirks:
        connector.meter.begin_anew()


def station_boots(connectors: Iterable[Connector], now_s: float) -> None:
    """The registers of a station that keeps them in memory begin anew, whatever is charging."""
    for connector in connectors:
        connector.meter.advance(now_s)
        connector.meter.begin_anew()
        if (tx := connector.transaction) is not None and not tx.ended:
            tx.hidden_wh += connector.meter.register_wh - tx.shown_wh + SAME_WH
            tx.shown_wh, tx.anew = connector.meter.register_wh, True


def at_ends(tx: Transaction, reading: Reading, quirks: AbstractSet[str]) -> Reading:
    """What the start or the stop says."""
    return _since_start(tx, reading) if "ends_relative" in quirks else reading


def as_sample(tx: Transaction, reading: Reading, quirks: AbstractSet[str]) -> Reading:
    """What a sample says."""
    return _since_start(tx, reading) if "samples_relative" in quirks else reading


def sampled(tx: Transaction, reading: Reading) -> Reading:
    """A sample of this moment is told. One of 0 amid others is no reading, and shows nothing of what flowed."""
    if reading.register_wh == 0 and tx.connector.meter.shown_wh() != 0:
        return reading
    _told(tx, reading)
    unseen_wh = tx.connector.meter.register_wh - tx.shown_wh
    tx.before_samples_wh = unseen_wh if tx.before_samples_wh is None else tx.before_samples_wh
    tx.shown_wh = tx.connector.meter.register_wh
    return reading


def turned_back(tx: Transaction) -> None:
    """The register was turned back: what has flowed since the last reading that was told shows in no other; each is rounded by itself."""
    tx.hidden_wh += tx.connector.meter.register_wh - tx.shown_wh + SAME_WH
    tx.shown_wh = tx.connector.meter.register_wh


def ended(tx: Transaction, reading: Reading | None, quirks: AbstractSet[str]) -> None:
    """Reckons what stays hidden: after the last sample where the stop says nothing, and what its oddities hide.

    Args:
        tx: the transaction.
        reading: at the stop; None where it says nothing.
        quirks: the station's.
    """
    if reading is not None and "ends_relative" in quirks:
        said_wh = at_ends(tx, reading, quirks).register_wh
        said_wh += BITS_32 if said_wh < -SIGN_BIT else 0.0  # across the sign it is still to be understood
        flowed_wh = tx.connector.meter.register_wh - tx.real_start_wh
        # Samples that count from the session's start too are of the same register, and it goes on from the last of them.
        goes_on = "samples_relative" in quirks and tx.before_samples_wh is not None
        if 0 <= said_wh <= flowed_wh + SAME_WH:
            tx.hidden_wh = max(tx.hidden_wh, flowed_wh - said_wh - SAME_WH)
        elif not goes_on:
            reading = None  # the register was turned back, or has wrapped: nobody can make anything of this
    if reading is not None:
        was_turned = tx.connector.meter.offset_wh != tx.offset_wh
        if was_turned and "samples_relative" in quirks and "ends_relative" not in quirks:
            # Only the samples show what flowed, and none came after the last one.
            tx.hidden_wh += tx.connector.meter.register_wh - tx.shown_wh
        _told(tx, reading)
        return
    tx.hidden_wh += tx.connector.meter.register_wh - tx.shown_wh
    if "ends_relative" in quirks and "samples_relative" not in quirks:
        # The samples are of another register than the start: they show what flowed from the first of them on.
        tx.hidden_wh += tx.before_samples_wh or 0.0


def _told(tx: Transaction, reading: Reading) -> None:
    """The register as it was told now, beside what was told before it began anew."""
    if tx.anew and reading.register_wh >= tx.last.register_wh * SAVED_SHARE:
        # It has risen to where it was, and nobody can see that it fell, or that it was more than a register that was saved a while before.
        tx.hidden_wh += max(0.0, tx.last.register_wh)
    tx.last, tx.anew = reading, False


def _since_start(tx: Transaction, reading: Reading) -> Reading:
    one, two, three = (now - then for now, then in zip(reading.phases_wh, tx.start.phases_wh, strict=True))
    return replace(
        reading,
        register_wh=reading.register_wh - tx.start.register_wh,
        phases_wh=(one, two, three),
        inlet_wh=reading.inlet_wh - tx.start.inlet_wh,
    )
