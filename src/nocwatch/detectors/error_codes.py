"""What a person does about a station's fault, by the code that it gives: above all, which faults must not be reset.

The 16 error codes are those of StatusNotification [OCPP 1.6 §7.6], CX… the Minimum Required Error Codes [ChargeX Consortium,
INL/RPT-23-74246]. What a code says about a session's failure is another matter (``state/faults.py``).

What always holds: a code that is called dangerous never gets a remedy that resets the station.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

SAFETY_CODES = {
    "CX002": "ground fault",
    "CX003": "over-temperature",
    "CX004": "over-current",
    "CX005": "over-voltage",
    "CX008": "emergency stop",
    "CX017": "EVSE contactor fault",
    "CX019": "cable over-temperature",
    "CX025": "broken latch",
    "CX026": "cut cable",
}
"""Minimum Required Error Codes that concern safety."""

DANGEROUS_CODES = {
    "GroundFailure": "ground fault",
    "GroundFault": "ground fault",
    "OverCurrentFailure": "over-current",
    "OvercurrentFault": "over-current",
    "OverVoltage": "over-voltage",
    "HighTemperature": "over-temperature",
    "PowerSwitchFailure": "contactor fault: the connector may be live",
    "EmergencyStop": "emergency stop",
}
"""The same dangers under the names that OCPP has for them, as an error code or where stations send them as a vendor's code."""

_EMERGENCY = frozenset({"CX008", "EmergencyStop"})
_CABLE = frozenset({"CX025", "CX026"})
_RESET = "reset the station once"
_NOTHING = re.compile(r"(0x)?0*|no ?error|none|null|n/?a|ok|-", re.IGNORECASE)
"""What stations write as a vendor's code where they have none."""

_REMEDIES = {
    "ConnectorLockFailure": "The plug's lock does not move. If a driver stands there, send UnlockConnector, and have the plug pushed in and "
    "pulled again; if that does not help, {reset}. If it comes back, send a technician: a cable may be stuck.",
    "EVCommunicationError": "Car and station do not understand each other. Have the driver plug in anew; if the next car fails as well it is "
    "the station: {reset}, then send a technician.",
    "InternalError": "Its own hardware or software failed: {reset}. If it comes back, give code and frames to the vendor.",
    "LocalListConflict": "Its list of tokens disagrees with the CSMS: have the CSMS send the full list (SendLocalList). Nobody needs to go there, "
    "and a reset does not mend it.",
    "PowerMeterFailure": "Its meter does not answer: bill no session of this connector from its registers. For the next drivers, {reset}; if it "
    "comes back, take the connector out of service and send a technician.",
    "ReaderFailure": "Cards are not read: drivers can be started from the app or by remote start meanwhile. For the reader, {reset}; if it comes "
    "back, send a technician by day.",
    "ResetFailure": "It was told to reset and could not: another reset will not help. Have the site switch it off and on, or send a technician.",
    "UnderVoltage": "Its supply is too low: no reset mends that. Ask the site whether a phase or a fuse is gone, then the grid operator.",
    "WeakSignal": "Its modem hardly receives: no reset mends that. See whether it still comes and goes, and have antenna and SIM looked at by day.",
}


def meaning(code: str) -> str:
    """``ground fault`` of ``CX002``; a few words for each dangerous code that is known, else empty."""
    return SAFETY_CODES.get(code, "") or next(
        (words for name, words in DANGEROUS_CODES.items() if name.lower() == code.lower()), ""
    )


def named_in(text: str, codes: Iterable[str]) -> list[str]:
    """Those of the codes that the text holds as a word, in capitals or not: ``ground fault`` is none, ``E12: GroundFault`` is one."""
    return [
        code
        for code in codes
        if re.search(rf"(?<!\w){re.escape(code)}(?!\w)", text, re.IGNORECASE) is not None
    ]


def dangerous(codes: list[str], where: str) -> str:
    """What to do about a fault that may hurt someone.

    Args:
        codes: the dangerous ones, at least one.
        where: ``connector 2``, ``the station itself``.
    """
    named = ", ".join(f"{code} ({words})" if (words := meaning(code)) else code for code in codes)
    text = f"Dangerous, {named}: do not reset it, not even from afar. "
    if _EMERGENCY.intersection(codes):
        text += "Call the site first: somebody pressed the emergency stop, and someone may need help. "
    if _CABLE.intersection(codes):
        text += "Have nobody touch cable and plug: live parts may lie open. "
    return (
        f"{text}Take {where} out of service (ChangeAvailability, Inoperative) and send an electrician; it goes back into service when "
        "the cause is found, not before."
    )


def remedy(error_code: str, vendor_error: str, under_way: int) -> str:
    """What to do about a fault that no setting calls dangerous.

    The codes are as the station gave them; ``under_way`` is the number of sessions on it, which a reset would end.
    """
    reset = _RESET
    if under_way:
        sessions = "1 session that is" if under_way == 1 else f"{under_way} sessions that are"
        reset += f" (it ends the {sessions} under way there: wait for them if you can)"
    own = "" if _NOTHING.fullmatch(vendor_error) else vendor_error
    vague = error_code in ("", "NoError", "OtherError", "InternalError")
    given = own if vague else error_code
    known = _REMEDIES.get(given or error_code)
    if known is not None:
        return known.format(reset=reset)
    if given:
        return (
            f"Look {given} up in the vendor's manual before anything else: nocwatch does not know whether it is dangerous. If it is, send an "
            f"electrician, and name it in the rule's dangerous_codes. If it is not, {reset}; if the fault comes back, send someone."
        )
    return (
        f"The station says that it is faulted and not why. Ask the site whether something can be seen or smelt; if not, {reset}. If the fault "
        "comes back, send someone, and ask the vendor why no code is given."
    )
