"""The ``relay:`` part of the configuration. Every key has a default, each limit its reason."""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from nocwatch.errors import MisplacedError
from nocwatch.proxy.admission import AdmissionSettings
from nocwatch.proxy.forwarded import HeaderName
from nocwatch.proxy.networks import TrustedList
from nocwatch.proxy.proxy_protocol import Version
from nocwatch.proxy.tls_settings import ListenerTls, UpstreamTls
from nocwatch.quantities import Duration, Size

_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\[\]:\s]+)):(\d{1,5})")


def split_address(text: str) -> tuple[str, int]:
    """``127.0.0.1:9000``, ``[::1]:9000`` or ``name:9000`` as host and port. Port 0 takes a free one.

    Raises:
        ValueError: with what would be right.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match[3]) > 65535:
        raise ValueError(f"{text!r} is no address; write host:port, such as 0.0.0.0:9000 or [::]:9000")
    return match[1] or match[2], int(match[3])


def _checked_address(text: str) -> str:
    split_address(text)
    return text


Address = Annotated[str, AfterValidator(_checked_address)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ListenerSettings(_Model):
    """One address on which stations connect.

    Attributes:
        name: what ``match.listener`` of an upstream compares with; the address where none is given.
        trusted: networks of load balancers that may say whose connection they hand on. By one of the two ways below, or
            both; a connection from anywhere else is a station's own.
        proxy_protocol: which PROXY header opens each connection from ``trusted``, before TLS; it must then be there.
        address_header: header of the request in which ``trusted`` hands on the station's address.
    """

    address: Address
    name: str = ""
    tls: ListenerTls | None = None
    trusted: TrustedList = ()
    proxy_protocol: Version | None = None
    address_header: HeaderName | None = None

    @model_validator(mode="after")
    def _someone_is_trusted(self) -> ListenerSettings:
        ways = self.proxy_protocol or self.address_header
        if ways and not self.trusted:
            raise ValueError(
                "proxy_protocol and address_header are believed from load balancers only: name their networks in trusted"
            )
        if self.trusted and not ways:
            raise ValueError("trusted needs proxy_protocol or address_header: in which way do they speak?")
        return self

    @property
    def label(self) -> str:
        return self.name or self.address


class Match(_Model):
    """Which stations an upstream takes: shell globs (``*``, ``?``, ``[a-z]``), case matters, None takes all.

    Attributes:
        path: of the request's path as it came, without the query. ``*`` takes slashes too.
        listener: of the listener's name.
        station: of the identity, percent-decoded.
    """

    path: str | None = None
    listener: str | None = None
    station: str | None = None


class Target(NamedTuple):
    """Where one of an upstream's URLs points.

    Attributes:
        host_header: what a request's Host becomes.
        prefix: path that goes before the request's own, without a slash at its end.
    """

    host: str
    port: int
    host_header: bytes
    prefix: bytes


def _checked_url(url: str) -> str:
    if re.search(r"[\x00-\x20\x7f-\U0010ffff]", url):
        raise ValueError("an upstream's URL is ASCII without spaces; write others percent-encoded")
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise ValueError("an upstream's URL reads ws://host[:port][/path] or wss://…")
    if "@" in parts.netloc:
        raise ValueError(
            "credentials belong to the stations; the relay hands theirs on and has none of its own"
        )
    if parts.query or parts.fragment:
        raise ValueError("an upstream's URL has no query and no fragment: the station's own go upstream")
    try:
        usable = parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("the port of an upstream's URL is a number from 1 to 65535")
    return url


UpstreamUrl = Annotated[str, AfterValidator(_checked_url)]


def _checked_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name):
        raise ValueError(
            f"{name!r:.80} is no name; letters, digits, '_', '-' and '.', at most 64 of them, a letter or digit first"
        )
    return name


class UpstreamSettings(_Model):
    """One CSMS.

    Attributes:
        name: in events, logs and metrics; unique.
        url: ws:// or wss://. A path in it is put before the station's own, which goes upstream unchanged. All addresses
            that its name has are tried, in the resolver's order.
        fallbacks: URLs of the same CSMS elsewhere, each tried when none before it can be reached. A station that came
            to one stays there until it dials again.
        match: which stations it takes; the first upstream that matches gets the station.
        keep_host: leave the station's Host header as it came, instead of putting the upstream's there.
        address_header: header in which the CSMS is told where the station comes from; added to one that is there.
        address_header: tell it in this header where the station comes from.
        tls: how it is checked, and what we show it. Of wss only.
    """

    name: Annotated[str, AfterValidator(_checked_name)]
    url: UpstreamUrl
    fallbacks: tuple[UpstreamUrl, ...] = Field(default=(), max_length=8)
    match: Match = Match()
    keep_host: bool = False
    address_header: HeaderName | None = None
    tls: UpstreamTls = UpstreamTls()

    @model_validator(mode="after")
    def _one_scheme(self) -> UpstreamSettings:
        if any(urlsplit(each).scheme != urlsplit(self.url).scheme for each in self.fallbacks):
            raise ValueError(
                "url and fallbacks are all ws:// or all wss://: what is secret stays so when one is down"
            )
        if self.tls != UpstreamTls() and not self.secure:
            raise ValueError("tls is of wss:// upstreams")
        return self

    @property
    def secure(self) -> bool:
        return urlsplit(self.url).scheme == "wss"

    @property
    def targets(self) -> list[Target]:
        """The URL and then its fallbacks."""
        found = []
        for url in (self.url, *self.fallbacks):
            parts = urlsplit(url)
            port = parts.port or (443 if self.secure else 80)
            prefix = parts.path.rstrip("/").encode("ascii")
            found.append(Target(parts.hostname or "", port, parts.netloc.encode("ascii"), prefix))
        return found


class Limits(_Model):
    """What one peer may cost. Each is met by a stated behaviour, and counted.

    Attributes:
        head_size_max: of a request's or an answer's head. Real ones are below 2 KiB; certificates in headers of
            gateways reach 16. Beyond: 431 to the station, 502 for the CSMS.
        handshake_timeout: from when the relay turns to a connection (at once, but in a storm) to the last byte of the
            station's head, TLS included. A GPRS modem needs
            seconds; a slow-loris needs it to be endless. Then: 408.
        dial_timeout: for all addresses of the upstream and its TLS together. Then: 504.
        answer_timeout: from the head's last byte sent upstream to the answer's end. Then: 504 (before the answer
            began) or the end of the connection. A CSMS may ask a database here.
        answer_body_max: of a refusal's body. Error pages are kilobytes. Beyond: cut, connection closed.
        links_max: connections that live at once, handshakes included; bounds memory. Never more than the process's
            file descriptors allow (two each). Beyond: 503.
        chunk_size: bytes read at once. It is also what a direction may hold unsent (one chunk); then the relay stops
            reading from that side, and the peer feels it as TCP's own back-pressure.
        held_max: bytes that all links together hold unsent because their receivers are full; a quarter of a small machine's
            memory. Beyond, a link that stalls holds 1 KiB and no whole chunk; none is cut off.
        chunks_per_turn: what one direction may move before all others had their turn: fairness.
        keepalive: a silent peer is probed by TCP after this time. Nothing is ever sent on the WebSocket for it.
        user_timeout: a peer that acknowledges nothing, or takes nothing, for so long is dead (TCP_USER_TIMEOUT).
        half_closed_max: when one side has ended its sending and all of it is delivered, the other may be silent for so long.
            Its kernel would by default give up a fully closed socket after the same time.
    """

    head_size_max: Annotated[Size, Field(ge=1024, le=1 << 20)] = 64 << 10
    handshake_timeout: Annotated[Duration, Field(gt=0)] = 20.0
    dial_timeout: Annotated[Duration, Field(gt=0)] = 10.0
    answer_timeout: Annotated[Duration, Field(gt=0)] = 30.0
    answer_body_max: Annotated[Size, Field(ge=0)] = 1 << 20
    links_max: int = Field(default=50_000, ge=1)
    chunk_size: Annotated[Size, Field(ge=1024, le=1 << 20)] = 16 << 10
    held_max: Annotated[Size, Field(ge=0)] = 256 << 20
    chunks_per_turn: int = Field(default=4, ge=1, le=1024)
    keepalive: Annotated[Duration, Field(ge=1)] = 60.0
    user_timeout: Annotated[Duration, Field(ge=1)] = 180.0
    half_closed_max: Annotated[Duration, Field(gt=0)] = 60.0


class RelaySettings(_Model):
    """All of ``relay:``.

    Attributes:
        listen: where stations connect.
        upstreams: the CSMSs, the first match wins. A station that none takes gets 502.
        workers: relay processes; stations are dealt out to them by the kernel. One carries thousands of stations. At
            most 16: a connection's number has four bits for its lane.
        status: address of /healthz, /readyz and /metrics of the relay; None for none.
        grace: how long links may live on after SIGTERM, while nothing new is accepted.
        limits: what one peer may cost.
        admission: who may come.
    """

    listen: tuple[ListenerSettings, ...] = Field(
        default=(ListenerSettings(address="127.0.0.1:9000"),), min_length=1
    )
    upstreams: tuple[UpstreamSettings, ...] = ()
    workers: int = Field(default=1, ge=1, le=16)
    status: Address | None = "127.0.0.1:9465"
    grace: Duration = 0.0
    limits: Limits = Limits()
    admission: AdmissionSettings = AdmissionSettings()

    @field_validator("upstreams")
    @classmethod
    def _unique_names(cls, upstreams: tuple[UpstreamSettings, ...]) -> tuple[UpstreamSettings, ...]:
        names = [upstream.name for upstream in upstreams]
        twice = [index for index, name in enumerate(names) if name in names[:index]]
        if twice:
            raise MisplacedError(
                [
                    ((index, "name"), f"another upstream is called {names[index]} already; names are unique")
                    for index in twice
                ]
            )
        return upstreams
