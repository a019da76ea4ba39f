"""Error codes in families: what a code says about why a session failed. A code that is in none explains nothing here.

Sources: ChargePointErrorCode [OCPP 1.6 §7.6]; the minimum required error codes (MREC, CX001 …) of the ChargeX consortium,
which stations send as vendorErrorCode or techCode; component names of OCPP 2.0.1's device model (part 2, appendix 3).
"""

from __future__ import annotations

import re

from nocwatch.flags import Blame
from nocwatch.sessions import Reason

_EV = (Reason.EV_COMM, Blame.UNKNOWN)  # it takes two to talk: only several sessions show which of them it is
_LOCK = (Reason.CONNECTOR_LOCK, Blame.CHARGER)
_SAFETY = (Reason.ELECTRICAL_SAFETY, Blame.CHARGER)
_METER = (Reason.METER, Blame.CHARGER)
_HOT = (Reason.THERMAL, Blame.CHARGER)
_POWER = (Reason.POWER_LOSS, Blame.UNKNOWN)

_FAMILIES: dict[str, tuple[Reason, Blame]] = {
    "EVCommunicationError": _EV,
    "ConnectorLockFailure": _LOCK,
    "GroundFailure": _SAFETY,
    "GroundFault": _SAFETY,
    "OverCurrentFailure": _SAFETY,
    "OvercurrentFault": _SAFETY,
    "OverVoltage": _SAFETY,
    "UnderVoltage": _SAFETY,
    "PowerQuality": _SAFETY,
    "PowerMeterFailure": _METER,
    "HighTemperature": _HOT,
    "EmergencyStop": (Reason.EMERGENCY_STOP, Blame.DRIVER),
    "CX001": _LOCK,
    "CX002": _SAFETY,
    "CX003": _HOT,
    "CX004": _SAFETY,
    "CX005": _SAFETY,
    "CX006": _SAFETY,
    "CX008": (Reason.EMERGENCY_STOP, Blame.DRIVER),
    "CX010": _EV,
    "CX014": _EV,
    "CX015": _POWER,
    "CX017": _SAFETY,
    "CX019": _HOT,
    "CX024": _SAFETY,
    "CX025": _LOCK,
    "CX026": _SAFETY,
    # Components of 2.x whose variable Problem or Tripped is set.
    "ConnectorPlugRetentionLock": _LOCK,
    "ConnectorHolsterRelease": _LOCK,
    "GroundIsolationProtection": _SAFETY,
    "RCD": _SAFETY,
    "ElectricalFeed": _SAFETY,
    "OverCurrentProtection": _SAFETY,
    "FiscalMetering": _METER,
    "PowerMeter": _METER,
    "TemperatureSensor": _HOT,
    "OverheatingProtection": _HOT,
    "EmergencyStopSensor": (Reason.EMERGENCY_STOP, Blame.DRIVER),
}
_MREC = re.compile(r"\bCX0\d\d\b")


def family(code: str) -> tuple[Reason, Blame] | None:
    """The family of a code and whose fault that mostly is; None where the code explains nothing."""
    return _FAMILIES.get(code)


def codes_of(error_code: str, vendor_error: str) -> tuple[str, ...]:
    """The codes that a status names: ``NoError`` is none, and of a vendor's free text only an MREC counts."""
    codes = [error_code] if error_code and error_code != "NoError" else []
    codes += [code for code in _MREC.findall(vendor_error) if code not in codes]
    return tuple(codes)
