"""Rules of outcome, reason and blame: what became of a transaction, why, and whose fault it looks like. A row a rule."""

from __future__ import annotations

from tests.support.script import Rule, Seen, table

CHARGED = "Preparing 1; start 1 TAG 1000 id=17; Charging 1; +5m; meter 1 3500 tx=17; +5m; meter 1 6000 tx=17"
BEGUN = "Preparing 1; start 1 TAG 1000 id=17; +20"
CHARGED_2 = (
    "Occupied 1; Started T1 CablePluggedIn evse=1 state=EVConnected wh=1000; +5; Updated T1 Authorized token=TAG status=Accepted state=Charging;"
    "+5m; Updated T1 MeterValuePeriodic wh=3500; +5m; Updated T1 MeterValuePeriodic wh=6000"
)
NO_CURRENT = (
    'order SetChargingProfile {"connectorId":1,"csChargingProfiles":{"chargingProfileId":1,"stackLevel":0,"chargingProfilePurpose":"TxProfile",'
    '"chargingProfileKind":"Relative","chargingSchedule":{"chargingRateUnit":"A","chargingSchedulePeriod":[{"startPeriod":0,"limit":0.0}]}}} -> {"status":"Accepted"}'
)


def stops(*reasons: str, outcome: str, reason: str | None = None, blame: str | None = None) -> list[Rule]:
    """1.6: charged, and then stopped for each of these reasons."""
    return [
        Rule(f"1.6: stopped with {each}", f"{CHARGED}; stop 17 6000 {each}", Seen(outcome, reason, blame, 5000, stop_reason=each))
        for each in reasons
    ]  # fmt: skip


def ends(*reasons: str, outcome: str, reason: str | None = None, blame: str | None = None) -> list[Rule]:
    """2.x: the same."""
    return [
        Rule(
            f"{version}: ended with {each}",
            f"{CHARGED_2}; Ended T1 AbnormalCondition reason={each} wh=6000",
            Seen(outcome, reason, blame, 5000, stop_reason=each),
            version=version,
        )
        for each in reasons
        for version in ("2.0.1", "2.1")
    ]


def errors(reason: str, blame: str, *codes: str) -> list[Rule]:
    """An error code of the session explains its failure."""
    return [
        Rule(f"{code} explains the failure", f"{BEGUN}; Faulted 1 error={code} info=broken; stop 17 1000 Other", Seen("failed", reason, blame, because=f"reported {code} (broken)"))
        for code in codes
    ]  # fmt: skip


def mrec(reason: str, blame: str, *codes: str) -> list[Rule]:
    """A minimum required error code of ChargeX, in either field that stations use for a vendor's code."""
    return [
        rule
        for code in codes
        for rule in (
            Rule(f"{code} in vendorErrorCode explains the failure", f"{BEGUN}; Faulted 1 error=OtherError vendorErrorCode={code}; stop 17 1000 Other", Seen("failed", reason, blame)),
            Rule(f"{code} as a techCode explains it", f"{CHARGED_2}; {problem('Controller', code)}; Ended T1 AbnormalCondition reason=Other wh=6000", Seen("failed", reason, blame), version="2.0.1"),
        )
    ]  # fmt: skip


def parts(reason: str, blame: str, *components: str) -> list[Rule]:
    """2.x: a component of the device model whose Problem is set."""
    return [
        Rule(f"2.x: a problem of {each} explains the failure", f"{CHARGED_2}; {problem(each)}; Ended T1 AbnormalCondition reason=Other wh=6000", Seen("failed", reason, blame), version=version)
        for each in components
        for version in ("2.0.1", "2.1")
    ]  # fmt: skip


def problem(component: str, code: str = "") -> str:
    said = f',"techCode":"{code}"' if code else ""
    return (
        'ask NotifyEvent {"generatedAt":"@+0","seqNo":0,"eventData":[{"eventId":1,"timestamp":"@+0","trigger":"Alerting","actualValue":"true",'
        f'"eventNotificationType":"HardWiredNotification","component":{{"name":"{component}","evse":{{"id":1}}}},"variable":{{"name":"Problem"}}{said}}}]}} -> {{}}'
    )


@table(
    *stops("Local", "Remote", "EVDisconnected", "UnlockCommand", outcome="success"),
    *ends(
        "EnergyLimitReached", "SOCLimitReached", "Local", "Remote", "StoppedByEV", "LocalOutOfCredit", "TimeLimitReached", "MasterPass", "EVDisconnected",
        outcome="success",
    ),
    Rule("2.x: no reason is a valid end", f"{CHARGED_2}; Ended T1 StopAuthorized wh=6000", Seen("success"), version="2.0.1"),
    Rule("EVDeparted is a trigger and no reason", f"{CHARGED_2}; Ended T1 EVDeparted reason=EVDeparted wh=6000", Seen("failed", "UNKNOWN"), version="2.0.1"),
    Rule("a tenth of a kilowatt-hour is a success", "start 1 TAG 1000 id=17; +10m; stop 17 1100", Seen("success", wh=100)),
    Rule("a watt-hour less is none", "start 1 TAG 1000 id=17; +10m; stop 17 1099", Seen("failed", "ZERO_ENERGY")),
    # --- failed by the stop's own reason ---
    *stops("EmergencyStop", outcome="failed", reason="EMERGENCY_STOP", blame="driver"),
    *stops("PowerLoss", outcome="failed", reason="POWER_LOSS", blame="unknown"),
    *stops("Reboot", "HardReset", "SoftReset", outcome="failed", reason="REBOOT", blame="charger"),
    *stops("DeAuthorized", outcome="failed", reason="DEAUTHORISED", blame="csms"),
    *stops("Other", outcome="failed", reason="UNKNOWN", blame="unknown"),
    *ends("EmergencyStop", outcome="failed", reason="EMERGENCY_STOP", blame="driver"),
    *ends("PowerLoss", outcome="failed", reason="POWER_LOSS", blame="unknown"),
    *ends("Reboot", "ImmediateReset", outcome="failed", reason="REBOOT", blame="charger"),
    *ends("GroundFault", "OvercurrentFault", "PowerQuality", outcome="failed", reason="ELECTRICAL_SAFETY", blame="charger"),
    *ends("DeAuthorized", outcome="failed", reason="DEAUTHORISED", blame="csms"),
    *ends("Other", outcome="failed", reason="UNKNOWN", blame="unknown"),
    Rule(
        "a reset that the CSMS ordered is its own doing",
        CHARGED + '; order Reset {"type":"Soft"} -> {"status":"Accepted"}; stop 17 6000 SoftReset',
        Seen("failed", "REBOOT", "csms", because="ordered a reset"),
    ),
    Rule(
        "a reset of six minutes ago explains nothing: nobody knows whether it was done",
        CHARGED + '; order Reset {"type":"Soft"} -> {"status":"Accepted"}; +6m; stop 17 6000 SoftReset',
        Seen("failed", "REBOOT", "charger"),
    ),
    Rule(
        "a reset that the station refused explains nothing",
        CHARGED + '; order Reset {"type":"Soft"} -> {"status":"Rejected"}; stop 17 6000 SoftReset',
        Seen("failed", "REBOOT", "charger"),
    ),
    # --- failed by an error code ---
    *errors("EV_COMM", "unknown", "EVCommunicationError"),
    *errors("CONNECTOR_LOCK", "charger", "ConnectorLockFailure"),
    *errors("ELECTRICAL_SAFETY", "charger", "GroundFailure", "OverCurrentFailure", "OverVoltage", "UnderVoltage"),
    *errors("METER", "charger", "PowerMeterFailure"),
    *errors("THERMAL", "charger", "HighTemperature"),
    *errors("EMERGENCY_STOP", "driver", "EmergencyStop"),
    *mrec("EV_COMM", "unknown", "CX010", "CX014"),
    *mrec("CONNECTOR_LOCK", "charger", "CX001", "CX025"),
    *mrec("ELECTRICAL_SAFETY", "charger", "CX002", "CX004", "CX005", "CX006", "CX017", "CX024", "CX026"),
    *mrec("THERMAL", "charger", "CX003", "CX019"),
    *mrec("EMERGENCY_STOP", "driver", "CX008"),
    *mrec("POWER_LOSS", "unknown", "CX015"),
    *parts("CONNECTOR_LOCK", "charger", "ConnectorPlugRetentionLock", "ConnectorHolsterRelease"),
    *parts("ELECTRICAL_SAFETY", "charger", "GroundIsolationProtection", "RCD", "ElectricalFeed", "OverCurrentProtection"),
    *parts("METER", "charger", "FiscalMetering", "PowerMeter"),
    *parts("THERMAL", "charger", "TemperatureSensor", "OverheatingProtection"),
    *parts("EMERGENCY_STOP", "driver", "EmergencyStopSensor"),
    Rule("an MREC among a vendor's words explains it", f"{BEGUN}; Faulted 1 vendorErrorCode=E7:CX002,3; stop 17 1000 Other", Seen("failed", "ELECTRICAL_SAFETY", "charger")),
    Rule("a number that only begins like one explains nothing", f"{BEGUN}; Faulted 1 vendorErrorCode=CX0021; stop 17 1000 Other", Seen("failed", "UNKNOWN", "unknown")),
    Rule("a vendor's bit string explains nothing", f"{BEGUN}; Faulted 1 vendorErrorCode=01001000; stop 17 1000 Other", Seen("failed", "UNKNOWN", "unknown")),
    Rule("0x0000 with info null on a healthy station explains nothing", f"{BEGUN}; Charging 1 vendorErrorCode=0x0000 info=null; +10m; stop 17 6000", Seen("success", issues=(), without="error")),
    Rule("Faulted with NoError explains nothing", f"{BEGUN}; Faulted 1; stop 17 1000 Other", Seen("failed", "UNKNOWN", steps="faulted")),
    Rule("an error code outside the list is told and explains nothing", f"{BEGUN}; Faulted 1 error=E42; stop 17 1000 Other", Seen("failed", "UNKNOWN", steps="error")),
    Rule("an error in a session that charged to its end is no failure", f"{CHARGED}; Charging 1 error=WeakSignal; stop 17 6000", Seen("success", steps="error")),
    Rule("an error of the other connector explains nothing here", f"{BEGUN}; Faulted 2 error=GroundFailure; stop 17 1000 Other", Seen("failed", "UNKNOWN"), places=(1, 2)),
    Rule("an error of the controller is everybody's", f"{BEGUN}; Faulted 0 error=GroundFailure; stop 17 1000 Other", Seen("failed", "ELECTRICAL_SAFETY")),
    # --- no energy ---
    Rule("no energy after more than two minutes", f"{BEGUN}; +280; stop 17 1050", Seen("failed", "ZERO_ENERGY", "charger", because="50 Wh in the 5 min from the start to the stop.")),
    Rule("no energy because the vehicle took none", f"{BEGUN}; SuspendedEV 1; +5m; stop 17 1000", Seen("failed", "ZERO_ENERGY", "vehicle")),
    Rule("no energy because the CSMS allowed none", f"{BEGUN}; {NO_CURRENT}; SuspendedEVSE 1; +5m; stop 17 1000", Seen("failed", "ZERO_ENERGY", "csms")),
    Rule("no energy, and the CSMS allowed none for the greater part of the time", f"{BEGUN}; +110; {NO_CURRENT}; +170; stop 17 1000", Seen("failed", "ZERO_ENERGY", "csms")),
    Rule("for the lesser part of it there was time enough to charge", f"{BEGUN}; +150; {NO_CURRENT}; +130; stop 17 1000", Seen("failed", "ZERO_ENERGY", "charger")),
    Rule("a driver who stops within two minutes cancelled", "start 1 TAG 1000 id=17; +100; stop 17 1000", Seen("cancelled", "ENDED_BY_DRIVER", "driver")),
    Rule("after two minutes to the second, too", "start 1 TAG 1000 id=17 at=@30; +100; stop 17 1000 at=@150", Seen("cancelled", "ENDED_BY_DRIVER", "driver")),
    Rule("a second later it has not", "start 1 TAG 1000 id=17 at=@30; +130; stop 17 1000 at=@151", Seen("failed", "ZERO_ENERGY")),
    Rule("not after an error", "start 1 TAG 1000 id=17; Faulted 1 error=ConnectorLockFailure; +60; stop 17 1000", Seen("failed", "CONNECTOR_LOCK", "charger")),
    Rule("not where the station ended it", "start 1 TAG 1000 id=17; +60; stop 17 1000 PowerLoss", Seen("failed", "POWER_LOSS")),
    # --- refused ---
    Rule(
        "refused, and stopped for it",
        "start 1 TAG 1000 id=17 status=Blocked; +2; stop 17 1000 DeAuthorized",
        Seen("rejected", "AUTH_REJECTED", "driver", because="The CSMS answered the start with Blocked."),
    ),
    Rule("refused, and suspended until the driver leaves", "start 1 TAG 1000 id=17 status=Expired; SuspendedEVSE 1; +10m; stop 17 1000", Seen("rejected", "AUTH_REJECTED", "driver", suspended=None)),
    Rule("refused, and the stop never comes", "start 1 TAG 1000 id=17 status=Invalid; +2; Available 1; +700", Seen("rejected", "AUTH_REJECTED", "driver")),
    Rule("energy after a refusal decides the outcome", "start 1 TAG 1000 id=17 status=Invalid; +10m; stop 17 4000 DeAuthorized", Seen("success", wh=3000)),
    Rule(
        "a retry that is answered ConcurrentTx was not refused: the first start was accepted",
        "start 1 TAG 1000 at=@31 id=17; +20; start 1 TAG 1000 at=@31 id=17 status=ConcurrentTx; +5m; stop 17 1000",
        Seen("failed", "ZERO_ENERGY"),
    ),
    Rule(
        "refused at first, and accepted at the retry, was accepted",
        "start 1 TAG 1000 at=@31 id=17 status=Invalid; +20; start 1 TAG 1000 at=@31 id=17; +5m; stop 17 1000",
        Seen("failed", "ZERO_ENERGY"),
    ),
    # --- the CSMS ---
    Rule(
        "the CSMS answers the start with an error, and the session ends on it",
        "start 1 TAG 1000 - ; error; +20; stop -1 1000 Other",
        Seen("failed", "CSMS_ERROR", "csms", because="The CSMS answered the start with InternalError."),
    ),
    Rule("an error to the start of a session that charged decides nothing", "start 1 TAG 1000 - ; error; +10m; stop -1 6000", Seen("success", wh=5000, issues=("The CSMS answered the start with InternalError",))),
    # --- the connection ---
    Rule(
        "a socket dropped 0.8 s after the answer to the start is the charger's doing",
        f"{BEGUN.removesuffix('; +20')}; +0.8; close reason=reset; +20; open; Available 1; +700",
        Seen("failed", "CONNECTIVITY", "charger", because="0.8 s after the answer to the start"),
    ),
    Rule("nine seconds after it, too", "start 1 TAG 1000 id=17; +9; close reason=reset; +20; open; Available 1; +700", Seen("failed", "CONNECTIVITY", "charger", because="9.0 s after the answer to the start")),
    Rule("eleven seconds after it the stop is what is missing", "start 1 TAG 1000 id=17; +11; close reason=reset; +20; open; Available 1; +700", Seen("failed", "LOST_STOP", "charger")),
    Rule("ended while the socket was gone, closed by the CSMS", f"{BEGUN}; close by=csms code=1001; +10m; open; stop 17 1000 at=@-590", Seen("failed", "CONNECTIVITY", "csms")),
    Rule("ended while the socket was gone, closed by the station", f"{BEGUN}; close code=1000 reason=fin; +10m; open; stop 17 1000 at=@-590", Seen("failed", "CONNECTIVITY", "charger")),
    Rule("ended while the socket was gone, by a time-out", f"{BEGUN}; close reason=timeout; +10m; open; stop 17 1000 at=@-590", Seen("failed", "CONNECTIVITY", "network")),
    Rule(
        "a stop over a dying socket is stamped a moment before its end",
        "start 1 TAG 1000 id=17; +0.8; close reason=fin; +0.1; open; stop 17 1100 Other at=@-0.11",
        Seen("failed", "CONNECTIVITY", "charger"),
    ),
    Rule("a stop that was heard has nothing to do with a socket lost after it", f"{BEGUN}; stop 17 1100 Other; +1; close reason=fin; +10; open", Seen("failed", "UNKNOWN", "unknown")),
    Rule("a success keeps a socket lost meanwhile as an issue, with whose it was", f"{CHARGED}; close by=csms code=1001; +30; open; +60; stop 17 6500", Seen("success", issues=("lost for 30.0 s meanwhile (fault of the CSMS)",))),
)  # fmt: skip
def test_outcome_reason_and_blame(rule: Rule) -> None:
    rule.check()


@table(
    Rule(
        "Created by Preparing, Starting by the start, Charging by the status, Completed by the answer to the stop, Released by Available",
        f"{CHARGED}; stop 17 6000; Finishing 1; +60; Available 1",
        Seen("success", milestones="created starting charging stopped completed released"),
    ),
    Rule("Created by Authorize", "card TAG; +5; start 1 TAG 1000 id=17", Seen("ongoing", milestones="created starting", started=35.3)),
    Rule("Starting by an accepted remote start", "remote APP 1", Seen("ongoing", milestones="created starting")),
    Rule("Charging by energy above 50 Wh where no status says so", "start 1 TAG 1000 id=17; +60; meter 1 1060 tx=17", Seen("ongoing", milestones="created starting charging")),
    Rule("51 Wh are above 50", "start 1 TAG 1000 id=17; +60; meter 1 1051 tx=17", Seen("ongoing", milestones="created starting charging")),
    Rule("50 Wh are not", "start 1 TAG 1000 id=17; +60; meter 1 1050 tx=17; +60; meter 1 1050 tx=17", Seen("ongoing", wh=50, milestones="created starting")),
    Rule("Stopping by an accepted remote stop", f"{CHARGED}; remotestop 17; stop 17 6000 Remote", Seen("success", milestones="created starting charging stopping stopped completed")),
    Rule("not by a refused one", f"{CHARGED}; remotestop 17 Rejected; stop 17 6000 Remote", Seen("success", milestones="created starting charging stopped completed")),
    Rule("Completed only with an answer to the stop", f"{CHARGED}; stop 17 6000 -", Seen("success", milestones="created starting charging stopped")),
    Rule("Completed only with registers that agree", f"{CHARGED}; stop 17 200", Seen("success", wh=5000, milestones="created starting charging stopped", issues=("does not count",))),
    Rule("Failed in the place of Completed", f"{CHARGED}; stop 17 6000 PowerLoss", Seen("failed", milestones="created starting charging stopped failed")),
    Rule("a lost stop was no stop", f"{CHARGED}; Available 1; +700", Seen("failed", milestones="created starting charging failed", steps="lost_stop")),
    Rule("suspensions are kept between the milestones", f"{CHARGED}; SuspendedEV 1; +60; Charging 1; stop 17 6000", Seen("success", steps="suspended_ev resumed stopped")),
    Rule("who holds the energy back is told while it lasts", f"{CHARGED}; SuspendedEVSE 1", Seen("ongoing", suspended="evse", steps="suspended_evse")),
    Rule("Finishing is kept", f"{CHARGED}; Finishing 1; stop 17 6000", Seen("success", steps="finishing stopped")),
    Rule("a start stamped in whole seconds does not come before its card", "+0.7; card TAG; start 1 TAG 1000 id=17 at=@30.2", Seen("ongoing", milestones="created starting", started=30.2)),
    Rule("one that is ten seconds before it does", "+0.7; card TAG; start 1 TAG 1000 id=17 at=@20", Seen("ongoing", milestones="starting created", started=20)),
    Rule("a stop stamped in whole seconds does not come before its order", "start 1 TAG 1000 id=17; +600.7; remotestop 17; stop 17 6000 Remote at=@631", Seen("success", milestones="created starting stopping stopped completed released")),
)  # fmt: skip
def test_milestones(rule: Rule) -> None:
    rule.check()


@table(
    Rule("a remote start says remote", "remote APP 1; start 1 APP 1000 id=17", Seen("ongoing", source="remote", confidence=0.9)),
    Rule("1.6: a card without a remote start says RFID", "card TAG; start 1 TAG 1000 id=17", Seen("ongoing", source="rfid", confidence=0.8)),
    Rule("1.6: an empty token says free", 'start 1 "" 1000 id=17', Seen("ongoing", source="free", confidence=0.5)),
    Rule("1.6: a start without Authorize was a card of the station's own list, it may be", "start 1 TAG 1000 id=17", Seen("ongoing", source="rfid", confidence=0.5)),
    *(
        Rule(f"{version}: {kind} says {source}", f"Started T1 Authorized evse=1 token=TAG type={kind}", Seen("ongoing", source=source), version=version)
        for version, kinds in (
            ("2.0.1", {"ISO14443": "rfid", "ISO15693": "rfid", "eMAID": "plug_and_charge", "MacAddress": "autocharge", "NoAuthorization": "free", "Central": "remote"}),
            ("2.1", {"EVCCID": "autocharge", "VIN": "autocharge", "DirectPayment": "terminal"}),
        )
        for kind, source in kinds.items()
    ),
    Rule("2.x: a remote start that names its id is the surest", "remote APP 1 id=42; Started T1 RemoteStart evse=1 remote=42 token=X type=Central", Seen("ongoing", source="remote", confidence=0.98), version="2.0.1"),
    Rule("2.x: a transaction that says by its trigger that the CSMS began it", "Started T1 RemoteStart evse=1 token=X type=ISO14443", Seen("ongoing", source="remote", confidence=0.9), version="2.0.1"),
    Rule("2.x: or by the number of an order that nobody saw", "Started T1 Authorized evse=1 remote=7 token=X type=ISO14443", Seen("ongoing", source="remote", confidence=0.9), version="2.0.1"),
    Rule("2.x: a code that was typed in at the station", "Started T1 Authorized evse=1 token=1234 type=KeyCode", Seen("ongoing", source="terminal", confidence=0.6), version="2.0.1"),
    Rule("2.x: cable alone says nothing", "Started T1 CablePluggedIn evse=1", Seen("ongoing", source="unknown", confidence=0), version="2.0.1"),
)  # fmt: skip
def test_start_source(rule: Rule) -> None:
    rule.check()
