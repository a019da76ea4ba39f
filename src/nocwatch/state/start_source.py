"""How the driver asked for energy, and how sure that is. OCPP seldom says so: it follows from what came before the start.

Sources: IdTokenEnumType of 2.0.1 (part 2 §3.43) and 2.1; in 1.6 only the order of messages tells.
"""

from __future__ import annotations

from nocwatch.sessions import StartSource
from nocwatch.state.facts import Facts

_BY_TYPE: dict[str, tuple[StartSource, float]] = {
    "ISO14443": (StartSource.RFID, 0.98),
    "ISO15693": (StartSource.RFID, 0.98),
    "eMAID": (StartSource.PLUG_AND_CHARGE, 0.98),
    "MacAddress": (StartSource.AUTOCHARGE, 0.95),
    "EVCCID": (StartSource.AUTOCHARGE, 0.95),
    "VIN": (StartSource.AUTOCHARGE, 0.95),
    "DirectPayment": (StartSource.TERMINAL, 0.98),
    "NoAuthorization": (StartSource.FREE, 0.98),
    # A token that the CSMS made up: somebody pressed a button somewhere, and its remote start was not seen.
    "Central": (StartSource.REMOTE, 0.7),
    # Typed in at the station.
    "KeyCode": (StartSource.TERMINAL, 0.6),
}


def start_source(facts: Facts) -> tuple[StartSource, float]:
    """The source and a confidence from 0 to 1."""
    if facts.remote is not None:
        named = (
            facts.remote.remote_start_id is not None and facts.remote.remote_start_id == facts.remote_start_id
        )
        return StartSource.REMOTE, 0.98 if named or not facts.began else 0.9
    if facts.remote_start_id is not None or facts.begin_trigger == "RemoteStart":
        return StartSource.REMOTE, 0.9
    if (known := _BY_TYPE.get(facts.token_type)) is not None:
        return known
    if facts.token == "":
        return StartSource.FREE, 0.5
    if facts.token is None or facts.version.startswith("2"):
        return StartSource.UNKNOWN, 0.0
    if facts.authorizations:
        return StartSource.RFID, 0.8
    # 1.6 without Authorize: a card in the station's own list or cache, or autocharge by a vendor's token.
    return (StartSource.RFID, 0.5) if facts.began else (StartSource.UNKNOWN, 0.0)
