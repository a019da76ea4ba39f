"""What stations of a vendor, or of all, are known to do against the schemas, and what does no harm: it is not reported.

One line a quirk, each with where it was seen. To add one: a line here and a case in its test. What is listed is read rightly
all the same (or is read by nobody), so a report would only be noise.
"""

from __future__ import annotations

from typing import NamedTuple

from nocwatch.ocpp.schemas import Misfit


class Quirk(NamedTuple):
    """A misfit that is known.

    Attributes:
        vendor: what the vendor's name begins with, in lower case; empty for all.
        version, action: empty for all.
        path: the last field of the misfit's path.
        values: in lower case; empty for any.
        seen: the public report, or the reason.
    """

    vendor: str
    version: str
    action: str
    keyword: str
    path: str
    values: frozenset[str]
    seen: str


_ANY: frozenset[str] = frozenset()

QUIRKS = (
    Quirk("", "1.6", "", "enum", "unit", frozenset({"celsius", "celcius"}), "the specification has both spellings"),
    Quirk("", "1.6", "", "enum", "unit", frozenset({"hz", "hertz"}), "lbbrhzn/ocpp#1576, mobilityhouse/ocpp#70: a frequency had no unit before errata 4"),
    Quirk("", "1.6", "BootNotification", "maxLength", "chargePointModel", _ANY, "steve-community/steve#1259: names have more than 20 characters"),
    Quirk("", "1.6", "BootNotification", "maxLength", "firmwareVersion", _ANY, "steve-community/steve#1259: of several boards"),
    Quirk("legrand", "1.6", "StatusNotification", "enum", "errorCode", frozenset({"error"}), "lbbrhzn/ocpp#1248"),
    Quirk("openevse", "1.6", "", "type", "value", _ANY, "OpenEVSE/openevse_esp32_firmware#335: numbers without quotes"),
    Quirk("openevse", "1.6", "", "enum", "unit", frozenset({"c"}), "OpenEVSE/openevse_esp32_firmware#726"),
    Quirk("schneider", "1.6", "BootNotification", "maxLength", "chargeBoxSerialNumber", _ANY, "lbbrhzn/ocpp#213"),
)  # fmt: skip


def known(misfit: Misfit, vendor: str, version: str, action: str) -> bool:
    """Whether it need not be reported."""
    field, whose = misfit.path.rpartition(".")[2], vendor.lower()
    return any(
        misfit.keyword == quirk.keyword
        and field == quirk.path
        and whose.startswith(quirk.vendor)
        and quirk.version in {"", version}
        and quirk.action in {"", action}
        and (not quirk.values or misfit.value.lower() in quirk.values)
        for quirk in QUIRKS
    )
