"""How a visit begins: card, cable, app or contract, up to a transaction that may charge. Or not, and why not.

What always holds: where it came to nothing, the attempt was told as truth, or what had begun with the cable was stopped.
"""

from __future__ import annotations

from nocwatch.flags import Blame
from nocwatch.sessions import Outcome, Reason, StartSource
from nocwatch.sim import registers
from nocwatch.sim.charging import stop
from nocwatch.sim.parts import Transaction
from nocwatch.sim.station import ERRED, GOES_ON, UNASKED
from nocwatch.sim.stay import PATIENCE_S, Stay

APP_WAIT_S = 45.0
"""A driver who started in the app and sees nothing happen takes his card after that."""


async def start(stay: Stay) -> bool:
    """Plays it; whether there is a transaction that may charge."""
    if stay.plan.start == "rfid":
        return await _card_then_cable(stay)
    return await _cable_then_act(stay)


async def _card_then_cable(stay: Stay) -> bool:
    if not await _authorise(stay):
        return False
    stay.status("Preparing")
    if stay.plan.no_plug:
        await stay.connector.pause(stay.pace, stay.station.connection_timeout_s)
        _unused(stay)
        return False
    await stay.connector.pause(stay.pace, stay.plan.act_s)
    _plug(stay)
    _begin(stay, "Authorized", authorised=True)
    return True


async def _cable_then_act(stay: Stay) -> bool:
    plan, station = stay.plan, stay.station
    _plug(stay)
    stay.status("Preparing")
    early = station.profile.hardware.tx_start_point == "EVConnected" and stay.dialect.version != "1.6"
    if early:
        _begin(stay, "CablePluggedIn", authorised=False)
    if plan.start == "app" and await _wait_for_remote_start(stay):
        trigger = "RemoteStart"
    else:
        await stay.connector.pause(stay.pace, plan.act_s)
        if plan.start == "free":
            stay.token, stay.token_type = stay.token or stay.dialect.free_token, "NoAuthorization"
            stay.asked_at_ns = station.clock.now_ns()
        elif not await _authorise(stay, end_with=early):
            return False
        trigger = "Authorized"
    if stay.tx is None:
        _begin(stay, trigger, authorised=True)
    else:
        stay.tx.authorised, stay.tx.token, stay.tx.token_type, stay.tx.source = (
            True,
            stay.token,
            stay.token_type,
            stay.source,
        )
        stay.tx.remote_id = stay.remote_id
        station.enqueue(stay.dialect.tx_authorised(stay.tx, trigger))
    return True


async def _wait_for_remote_start(stay: Stay) -> bool:
    connector = stay.connector
    until_s = stay.pace.now() + APP_WAIT_S
    connector.waiting_for_cable = True
    while connector.remote_start is None and stay.pace.now() < until_s:
        await connector.pause(stay.pace, until_s - stay.pace.now())
    connector.waiting_for_cable = False
    request, connector.remote_start = connector.remote_start, None
    if request is None:
        stay.source = StartSource.RFID
        return False
    stay.token, stay.token_type, stay.remote_id = request.token, request.token_type, request.remote_id
    stay.asked_at_ns = stay.station.clock.now_ns()
    return True


async def _authorise(stay: Stay, *, end_with: bool = False) -> bool:
    asked_s = stay.pace.now()

    def sent() -> None:
        nonlocal asked_s
        asked_s, stay.asked_at_ns = stay.pace.now(), stay.station.clock.now_ns()

    status = await stay.station.authorize(stay.token, stay.token_type, sent=sent)
    stay.authorised = status or ""
    stay.authorised_after_s = 0.0 if status == UNASKED else stay.pace.now() - asked_s
    if status in GOES_ON:
        return True
    denied = Reason.AUTH_TIMEOUT if status is None else Reason.CSMS_ERROR if status == ERRED else None
    if end_with and stay.tx:
        await stay.connector.pause(stay.pace, stay.plan.linger_s)
        stay.tx.refused, stay.tx.denied = denied is None, denied
        await stop(stay, "EVDisconnected", "EVCommunicationLost")
    elif denied is not None:
        stay.attempt(Outcome.FAILED, denied, Blame.CSMS)
    else:
        stay.attempt(Outcome.REJECTED, Reason.AUTH_REJECTED, Blame.DRIVER)
    return False


def _unused(stay: Stay) -> None:
    """The card was accepted, and the driver has gone: for good reason where he had to wait for the answer."""
    if stay.authorised == UNASKED:
        return  # nobody but the station knows of it
    if stay.authorised_after_s > PATIENCE_S:
        stay.attempt(Outcome.FAILED, Reason.AUTH_TIMEOUT, Blame.CSMS)
    else:
        stay.attempt(Outcome.CANCELLED, Reason.AUTH_UNUSED, Blame.DRIVER)


def _plug(stay: Stay) -> None:
    connector = stay.connector
    limit_w = connector.socket.power_w if connector.default_limit_w is None else connector.default_limit_w
    connector.plugged = True
    connector.meter.connect(stay.plan.vehicle, limit_w)


def _begin(stay: Stay, trigger: str, *, authorised: bool) -> None:
    meter, station = stay.connector.meter, stay.station
    meter.advance(stay.pace.now())
    registers.session_begins(stay.connector, station.profile.quirks)
    stay.tx = Transaction(
        connector=stay.connector,
        token=stay.token,
        token_type=stay.token_type,
        source=stay.source,
        started_at_ns=station.clock.now_ns(),
        start=meter.reading(stay.pace.now()),
        real_start_wh=meter.register_wh,
        remote_id=stay.remote_id,
        authorised=authorised,
        late=not station.online,
        offline_from_start=not station.uplink.connected,
    )
    if stay.connector.booking is not None:
        stay.tx.reservation, stay.connector.booking = stay.connector.booking.number, None
    stay.connector.transaction = stay.tx
    stay.started_s = stay.pace.now()
    station.enqueue(stay.dialect.tx_start(stay.tx, trigger) * stay.plan.start_copies)
