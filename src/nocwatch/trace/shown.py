"""How a station proved who it is, as fields of a link line. Pure.

Written only where there is something to say, and read as an export wrote it: the user name is a key-hash there already.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from nocwatch.access import Certificate
from nocwatch.frames import Link
from nocwatch.moments import SECOND_NS, rfc3339


class ShownCertificate(msgspec.Struct, rename="camel"):
    """The ``certificate`` of a link line."""

    name: str = ""
    names: tuple[str, ...] = ()
    issuer: str = ""
    serial: str = ""
    sha256: str = ""
    not_after: datetime | None = None

    @property
    def value(self) -> Certificate:
        ends = self.not_after
        if ends is not None and ends.tzinfo is None:
            ends = ends.replace(tzinfo=UTC)
        return Certificate(
            name=self.name,
            names=self.names,
            issuer=self.issuer,
            serial=self.serial,
            sha256=self.sha256,
            not_after_s=None if ends is None else int(ends.timestamp()),
        )


def fields(link: Link) -> dict[str, Any]:
    """Of an open or refused link."""
    found: dict[str, Any] = {}
    if link.authorization:
        found["authorization"] = link.authorization
    if link.user:
        found |= {"user": link.user, "ownName": link.own_name}
    shown = link.certificate
    if shown is not None:
        ends = None if shown.not_after_s is None else rfc3339(shown.not_after_s * SECOND_NS)
        found["certificate"] = {
            "name": shown.name,
            "names": list(shown.names),
            "issuer": shown.issuer,
            "serial": shown.serial,
            "sha256": shown.sha256,
            "notAfter": ends,
        }
    return found
