"""The console's own settings: the ``console`` key of the configuration."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _address(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise ValueError(f"{text!r} is no address; write host:port, such as 127.0.0.1:8480")
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone; write a name such as Europe/Berlin") from None
    return name


class ConsoleSettings(BaseModel):
    """Where the console listens, and how it tells the time.

    Attributes:
        listen: ``host:port``; the default is reachable from this machine alone, because this version has no sign-in.
        url: what links in alerts begin with, such as ``https://noc.example``; ``http://`` and ``listen`` without it.
        timezone: of every time that a page shows; it is named once a page.
        hosts: names under which browsers may reach it (the ``Host`` header). Without any: loopback names where it
            listens on loopback, so that a foreign page cannot reach it by a name of its own (DNS rebinding); any elsewhere.
        live_clients_max: pages that follow at once; each costs a connection and a small buffer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen: Annotated[str, AfterValidator(_address)] = "127.0.0.1:8480"
    url: str = ""
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    hosts: tuple[str, ...] = ()
    live_clients_max: int = Field(default=200, ge=1, le=10_000)

    @model_validator(mode="after")
    def _no_ports(self) -> ConsoleSettings:
        for host in self.hosts:
            if "/" in host or not host.strip():
                raise ValueError(f"{host!r} is no host name; write it without scheme and path")
        return self

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def hosts_allowed(self) -> tuple[str, ...]:
        """Empty: any."""
        if self.hosts:
            return tuple(host.lower() for host in (*self.hosts, *_LOOPBACK))
        return _LOOPBACK if self.address[0] in _LOOPBACK else ()
