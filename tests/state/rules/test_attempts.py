"""Rules of attempts: what drivers and apps tried, and whether a transaction came of it. A row a rule."""

from __future__ import annotations

from tests.support.script import Rule, Seen, table

CHARGE = "start 1 TAG 1000 id=17; +10m; stop 17 6000"


@table(
    Rule("a refused card is rejected at once", "card BAD Blocked", Seen("rejected", "AUTH_REJECTED", "driver", because="Authorize was answered Blocked after 0.1 s.")),
    Rule(
        "each refused card is an attempt",
        "card ONE Invalid; +20; card TWO Expired; +20; card SIX ConcurrentTx",
        tuple(Seen("rejected", "AUTH_REJECTED") for _ in range(3)),
    ),
    Rule("an accepted card that is not used is cancelled", "card TAG; +301", Seen("cancelled", "AUTH_UNUSED", "driver"), told="ended"),
    Rule("not before five minutes", "card TAG; +299", Seen("ongoing")),
    Rule("nor before the station's own patience", "config ConnectionTimeOut 600; card TAG; +599", Seen("ongoing")),
    Rule("a card for which the station still waits leads to what begins after the five minutes", f"config ConnectionTimeOut 600; card TAG; +500; {CHARGE}", Seen("success", source="rfid", confidence=0.8)),
    Rule("a card answered after 28 seconds and given up is the CSMS's fault", "card TAG after=28; +400", Seen("failed", "AUTH_TIMEOUT", "csms", because="Authorize was answered after 28.0 s.")),
    Rule("one answered within ten seconds is not", "card TAG after=9.9; +400", Seen("cancelled", "AUTH_UNUSED", "driver")),
    Rule("a card that is never answered is the CSMS's fault", "card TAG -; +2m", Seen("failed", "AUTH_TIMEOUT", "csms", because="never answered")),
    Rule(
        "a transaction without energy after a late answer failed by it",
        "card TAG after=15; start 1 TAG 1000 id=17; +60; stop 17 1000",
        Seen("failed", "AUTH_TIMEOUT", "csms", because="Authorize was answered after 15.0 s."),
    ),
    Rule(
        "a late answer may still lead to a charge",
        'card TAG -; +60; answer {"idTagInfo":{"status":"Accepted"}}; ' + CHARGE,
        Seen("success", wh=5000, revised="the transaction came after all"),
        told="ended reopened ended+revised",
    ),
    Rule("the socket is lost before the answer", "card TAG -; +2; close by=csms code=1011 reason=fin", Seen("failed", "CONNECTIVITY", "csms")),
    Rule("the CSMS answers the card with an error", "card TAG -; error", Seen("failed", "CSMS_ERROR", "csms")),
    Rule("2.x: the CSMS answers the card with an error", "card TAG -; error", Seen("failed", "CSMS_ERROR", "csms"), version="2.0.1"),
    Rule("a second try that works is another session", f"card TAG Invalid; +20; card TAG; {CHARGE}", (Seen("rejected"), Seen("success"))),
    Rule("the card that stops a charge is no attempt", "start 1 TAG 1000 id=17; +10m; card TAG; stop 17 6000 token=TAG; +1000", Seen("success"), places=(1, 2)),
    Rule("another card of the group that stops a charge is no attempt", "start 1 TAG 1000 id=17; +10m; card SISTER; stop 17 6000 token=SISTER; +1000", Seen("success")),
    Rule("a stranger's refused card during a charge is an attempt of its own", "start 1 TAG 1000 id=17; +10m; card STRANGER Invalid", (Seen("ongoing"), Seen("rejected"))),
    Rule("an accepted card while the other connector charges is its own attempt", "start 1 TAG 1000 id=17; +10m; card OTHER; start 2 OTHER 0 id=18", (Seen("ongoing", connector=1), Seen("ongoing", connector=2, source="rfid")), places=(1, 2)),
    Rule("a station that ignores the refusal and charges is one session", "card TAG Invalid; start 1 TAG 1000 id=17 status=Invalid; +10m; stop 17 6000", Seen("success", wh=5000)),
    # --- remote starts ---
    Rule("a remote start that is refused", "remote APP 1 Rejected", Seen("failed", "REMOTE_START_REJECTED", "charger", source="remote")),
    Rule("one on a connector in use is the CSMS's mistake", "start 1 TAG 1000; Charging 1; remote APP 1 Rejected", (Seen("ongoing"), Seen("failed", "REMOTE_START_REJECTED", "csms"))),
    Rule("2.x: a remote start that is refused", "remote APP 1 Rejected", Seen("failed", "REMOTE_START_REJECTED", "charger", source="remote"), version="2.0.1"),
    Rule("accepted, plugged in, and nothing comes", "Preparing 1; remote APP 1; +121", Seen("failed", "REMOTE_START_NO_TX", "charger")),
    Rule("accepted, and nobody plugged in", "remote APP 1; +121", Seen("failed", "REMOTE_START_NO_TX", "driver")),
    Rule("accepted, and nothing has come yet", "remote APP 1; +119", Seen("ongoing")),
    Rule("the station's own patience is respected", "config ConnectionTimeOut 240; remote APP 1; +239", Seen("ongoing")),
    Rule("and its end", "config ConnectionTimeOut 240; remote APP 1; +242", Seen("failed", "REMOTE_START_NO_TX")),
    Rule("2.x: the station's own patience", "config TxCtrlr.EVConnectionTimeOut 240; remote APP 1; +239", Seen("ongoing"), version="2.0.1"),
    Rule("Preparing while the station waits for the cable is no vehicle", "remote APP 1; Preparing 1; +60; Available 1; +70", Seen("failed", "REMOTE_START_NO_TX", "driver")),
    Rule("never answered, and nothing comes", "remote APP 1 -; +6m", Seen("failed", "REMOTE_START_NO_TX", "charger", because="did not answer")),
    Rule("the socket is lost before anything comes", "remote APP 1; +10; close by=csms code=1001; +6m", Seen("failed", "CONNECTIVITY", "csms")),
    Rule("a transaction after the patience takes the attempt over", "remote APP 1; +200; start 1 APP 1000 id=17; +10m; stop 17 6000", Seen("success", source="remote"), told="ended reopened ended+revised"),
    Rule(
        "remote start, Authorize and transaction are one session",
        "remote APP 2; card APP; Preparing 2; start 2 APP 1000 id=17; +10m; stop 17 6000 Remote",
        Seen("success", source="remote", connector=2),
        places=(1, 2),
    ),
    Rule("a remote start said twice by the CSMS is one", "remote APP 1 id=5; remote APP 1 id=5; Started T1 RemoteStart evse=1 remote=5 token=APP", Seen("ongoing", tx="T1"), version="2.0.1"),
    Rule("twenty cards without a start are twenty attempts", ";".join(f"card TAG{n} Invalid" for n in range(20)), tuple(Seen("rejected") for _ in range(20))),
)  # fmt: skip
def test_attempts(rule: Rule) -> None:
    rule.check()
