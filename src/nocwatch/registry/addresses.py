"""Addresses of the registry: pages of the CSMS made from templates, and hosts that firmware may come from. Pure."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlsplit

PLACEHOLDERS = {
    "station": frozenset({"station", "charge_point_id", "site"}),
    "session": frozenset({"station", "charge_point_id", "site", "transaction", "session"}),
}
"""What a template may name; those of ``refund`` and ``receipt`` are a session's."""
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def template_mistake(template: str, kind: str) -> str:
    """What is wrong with a template, as a sentence; empty where nothing is."""
    if not template:
        return ""
    if not re.match(r"https?://[^/{}\s]+", template):
        return "this must begin with http:// or https:// and a host"
    known = PLACEHOLDERS[kind]
    for name in _PLACEHOLDER.findall(template):
        if name not in known:
            return (
                f"there is no {{{name}}} here; there are {', '.join(f'{{{each}}}' for each in sorted(known))}"
            )
    if re.search(r"[{}\s]", _PLACEHOLDER.sub("", template)):
        return "a brace is open, or a blank stands in it"
    return ""


def filled(template: str, values: Mapping[str, object]) -> str:
    """The address; empty where there is no template, or something that it names is not known."""
    names = _PLACEHOLDER.findall(template)
    if not template or any(values.get(name) in (None, "") for name in names):
        return ""
    return _PLACEHOLDER.sub(lambda match: quote(str(values[match[1]]), safe=""), template)


def host_allowed(address: str, allowed: Sequence[str]) -> bool | None:
    """Whether firmware may come from there, or logs go there; None where the operator has named no hosts.

    A name of the list is exact or a glob (``*.acme.example``), with or without a port.
    """
    if not allowed:
        return None
    try:
        split = urlsplit(address if "//" in address else f"//{address}")
        host, port = (split.hostname or "").rstrip("."), split.port
    except ValueError:
        return False
    if not host:
        return False
    return any(
        fnmatch.fnmatchcase(name, pattern.lower()) for pattern in allowed for name in (host, f"{host}:{port}")
    )
