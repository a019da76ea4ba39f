"""What other systems know of a session, as a report's columns ask for it: what was charged, by which paper, how it was liked. Pure.

What always holds: a sum is made only of records that name the session or its transaction, and of one currency; where they came from
stands beside it. Of an amount that is in no record nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from nocwatch.registry.imported import Imported, Imports
from nocwatch.sessions import Session


class Billed(msgspec.Struct, frozen=True, kw_only=True):
    """Of one session; None where no record tells it.

    Attributes:
        charged: the sum of its receipts, refunds taken off; without any that of its invoices. ``currency`` of it.
        cpo_share: what of it goes to the charge point's operator.
        billing_type: as the other system calls it, such as ``Prepaid``.
        invoice, receipt: their numbers. ``invoice_state``: paid, settled, unpaid.
        stars: a driver's word, 0 to 5.
        odometer_km: the latest reading.
        source: the systems, or the files, that the records are from.
    """

    charged: Decimal | None = None
    currency: str | None = None
    cpo_share: Decimal | None = None
    billing_type: str | None = None
    invoice: str | None = None
    invoice_state: str | None = None
    receipt: str | None = None
    stars: Decimal | None = None
    odometer_km: Decimal | None = None
    source: str | None = None


NOTHING = Billed()


def billed(session: Session, imports: Imports, starts_ns: Sequence[int]) -> Billed:
    """All that was imported of it (``Imports.of_session``). A record that only gives a station and a time may be of the next socket: it bills nothing."""
    records = [each for each in imports.of_session(session, starts_ns) if each.session or each.transaction]
    if not records:
        return NOTHING
    invoices, receipts = _of(records, "invoices"), _of(records, "receipts")
    money = receipts or invoices
    currencies = {each.facts["currency"] for each in money}
    currency = currencies.pop() if len(currencies) == 1 else None
    shares = (_share(each, currency) for each in (invoices, receipts))
    readings = [Decimal(each.facts["km"]) for each in _of(records, "odometer")]
    return Billed(
        charged=_sum(money, "amount") if currency else None,
        currency=currency,
        cpo_share=next((share for share in shares if share is not None), None),
        billing_type=_words([*invoices, *receipts], "billing_type"),
        invoice=_words(invoices, "number"),
        invoice_state=_words(invoices, "state"),
        receipt=_words(receipts, "number"),
        stars=next((Decimal(each.facts["stars"]) for each in reversed(_of(records, "ratings"))), None),
        odometer_km=max(readings, default=None),
        source=", ".join(dict.fromkeys(each.source for each in records)),
    )


def _of(records: Iterable[Imported], kind: str) -> list[Imported]:
    return [each for each in records if each.kind == kind]


def _sum(records: Sequence[Imported], name: str) -> Decimal | None:
    said = [Decimal(each.facts[name]) for each in records if name in each.facts]
    return sum(said, Decimal()) if said else None


def _share(records: Sequence[Imported], currency: str | None) -> Decimal | None:
    """Of one currency with what was charged, since the column has none of its own."""
    if currency is None or any(each.facts["currency"] != currency for each in records):
        return None
    return _sum(records, "cpo_share")


def _words(records: Iterable[Imported], name: str) -> str | None:
    """Each once, in their order."""
    return ", ".join(dict.fromkeys(each.facts[name] for each in records if each.facts.get(name))) or None
