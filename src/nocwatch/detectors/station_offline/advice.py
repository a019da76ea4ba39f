"""What a refusal's word means for a person: whose it is to mend, and how. A table, and nothing else.

Words are those of ``refusal_reasons``; one of another version of the relay is nobody's fault that we know.
"""

from __future__ import annotations

from nocwatch.flags import Blame
from nocwatch.refusal_reasons import ANSWER, Cause, cause_of

_TLS = "It is the relay's own listener"
_ADVICE: dict[str, str] = {
    "station_tls_distrusts_us": f"{_TLS}: stations do not believe its certificate. Mostly the file lacks the intermediate certificate below its own "
    "(`nocwatch check` says so), or it was renewed by an authority that they do not know. The former file, put back, is taken over within 10 s.",
    "station_tls_left": f"{_TLS}, most likely: stations leave in the middle of TLS without a word, as some do that do not believe a certificate. Was it "
    "renewed? `nocwatch check` says whether its chain is whole; the former file, put back, is taken over within 10 s.",
    "station_tls_absent": f"{_TLS}: it wants wss:// and stations speak ws://. Compare relay.listen with what it was before.",
    "station_tls_no_cipher": f"{_TLS}: stations share no cipher or key with it. Old ones want `ciphers: legacy`, and maybe a `second` certificate.",
    "station_tls_old": f"{_TLS}: stations speak an older TLS than `minimum` lets in.",
    "station_tls_no_certificate": f"{_TLS}: it wants certificates of stations (client_ca), and they show none. `client_certificate: optional` lets them in.",
    "station_tls_no_valid_crl": f"{_TLS}: its revocation list (`crl`) has run out, and so it lets nobody in. Renew the file; it is taken over within 10 s.",
    "station_tls_certificate_expired": "The stations' own certificates have expired: the CSMS must renew them.",
    "station_tls_certificate_unknown_authority": f"{_TLS}: `client_ca` does not have the authority of the stations' certificates.",
    "handshake_rate": "The relay's own cap spreads them out: relay.admission.handshakes_per_second. They come back bit by bit; if that is too slow and the "
    "CSMS bears more, raise it and reload (SIGHUP).",
    "address_rate": "The relay's own cap on one address keeps them out: stations behind one gateway share it. Name its network in "
    "relay.admission.uncapped, or raise address_handshakes_per_second, and reload (SIGHUP).",
    "address_connections_max": "The relay's own cap on one address keeps them out: stations behind one gateway share it, and dead links count. Name its "
    "network in relay.admission.uncapped, or raise address_connections_max, and reload (SIGHUP).",
    "handshake_timeout": "They connect and then fall silent: a listener with the wrong TLS for them (relay.listen, as it was before), a network that swallows "
    "big packets (MTU of a tunnel or mobile gateway), or a balancer's or scanner's connections. A capture at the relay shows which.",
    "links_max": "The relay is full: relay.limits.links_max, or the open files that its service may have (LimitNOFILE).",
    "no_route": "No upstream of the configuration takes them: compare relay.upstreams, `match`, with what it was before, and reload (SIGHUP).",
    "loop": "An upstream's address leads back to nocwatch itself: name the CSMS by an address of its own (`nocwatch doctor`).",
    "certificate_of_another": "The relay's own rule keeps them out: their certificates are not those of their identities (client_name). Compare both.",
    "relay_out_of_resources": "The relay is out of open files, ports or memory: LimitNOFILE, and what else runs on its machine.",
    "relay_fault": "This is a mistake of nocwatch's own: its log has it. Please report it.",
}
_OF_CAUSE: dict[Cause, str] = {
    Cause.TLS: f"{_TLS}: TLS with stations does not come about. Compare relay.listen and its files with what they were before.",
    Cause.CAPS: "The relay's own caps keep them out: relay.admission, relay.limits.",
    Cause.LISTS: "The relay's own lists keep them out: relay.admission. Mend them and reload (SIGHUP).",
    Cause.ROUTES: "The relay's own routes do not take them: relay.upstreams.",
    Cause.BALANCER: "Load balancer and relay do not agree about the PROXY protocol: both sides must be set, the balancer's servers and the listener's "
    "`trusted` and `proxy_protocol`.",
    Cause.STATION: "What they send is no clean handshake, and is not passed on. If they have a new firmware, ask its vendor; else look at what stands "
    "between them and the relay.",
    Cause.RELAY: "The relay cannot serve them; its log says why.",
    Cause.CSMS: "The relay reaches the CSMS, and that does not answer as it should: ask the team that runs it.",
}
_BLAME: dict[Cause, Blame] = {Cause.CSMS: Blame.CSMS, Cause.STATION: Blame.UNKNOWN}
_BLAME_OF: dict[str, Blame] = {
    "station_tls_certificate_expired": Blame.CHARGER,
    "station_tls_certificate_revoked": Blame.CHARGER,
}

_UNREACHED = "The CSMS or the way to it is gone. Check from this machine that its address answers, and tell the team that runs it."
_UNREACHED_BY: dict[str, str] = {
    "upstream_unknown_host": "The name of the CSMS has no address for this machine: ask its name server (`getent hosts`), then whoever keeps the "
    "name.",
    "upstream_tls": "The CSMS is there, and its certificate will not do: expired, of another name, or of an authority that tls.ca does not have. "
    "`nocwatch doctor` says which; tell the team that runs it, or give the relay the new authority.",
    "upstream_pin": "The CSMS is there, with a certificate that is none of tls.pins. Ask the team that runs it whether they renewed it, and add the "
    "new pin only when they say so.",
}


def unreached(reason: str) -> tuple[Blame, str]:
    """Whose it is that the relay's dials fail for this reason, and what to do."""
    blame = Blame.NETWORK if reason == "upstream_unknown_host" else Blame.CSMS
    return blame, _UNREACHED_BY.get(reason, _UNREACHED)


def advise(reason: str) -> tuple[Cause | None, Blame, str]:
    """Where the cause of a refusal lies, whose it is, and what to do about it."""
    cause = cause_of(reason)
    if cause is None:
        return None, Blame.UNKNOWN, f"The relay turns them away ({reason}): its documentation says why."
    blame = _BLAME_OF.get(reason) or _BLAME.get(cause, Blame.NOCWATCH)
    if reason.startswith(f"{ANSWER}_"):
        return cause, blame, _answer(reason.removeprefix(f"{ANSWER}_"))
    return cause, blame, _ADVICE.get(reason, _OF_CAUSE[cause])


def _answer(status: str) -> str:
    if status in ("401", "403"):
        what = (
            "It wants other passwords or certificates than the stations have, or was told to let nobody in."
        )
    elif status == "404":
        what = "It does not know the paths: has its address changed, or relay.upstreams?"
    elif status in ("429", "502", "503", "504"):
        what = "It is overloaded, being restarted, or its own balancer has nobody behind it."
    else:
        what = "Something changed there."
    return f"The relay reaches the CSMS, which answers HTTP {status}. {what} Ask the team that runs it."
