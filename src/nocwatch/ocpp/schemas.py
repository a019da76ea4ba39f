"""The published schemas of each version, compiled when a message first asks for one, and why a payload does not fit.

The schemas are those that the ``ocpp`` package carries; they are code to us, read once and never written. What always holds:
no payload makes ``misfits`` raise, and the reasons it gives are words of the schema, never of the payload: they can be counted.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any, NamedTuple

import jsonschema_rs
import msgspec

from nocwatch.ocpp.fields import Payload

MISFITS_MAX = 8
"""Looked at of one message; the rest would say the same."""
VALUE_MAX = 60
"""Characters of an offending value that are quoted."""

_FOLDERS = {"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}
_decode = msgspec.json.Decoder().decode
_BOM = b"\xef\xbb\xbf"


class Misfit(NamedTuple):
    """One way in which a payload does not fit.

    Attributes:
        keyword: the schema's: ``enum``, ``required``, ``maxLength``, ``type``, ``additionalProperties`` …
        path: names of fields, without the places in lists: ``meterValue.sampledValue.unit``.
        value: the offending text or number where it is one; of surplus fields their names.
    """

    keyword: str
    path: str
    value: str

    @property
    def reason(self) -> str:
        return f"{self.keyword} {self.path}".strip()


@cache
def validator(version: str, action: str, *, answer: bool) -> Any:
    """The compiled schema of a call or answer; None where there is none. At most one for each known action and side."""
    folder = files("ocpp").joinpath(_FOLDERS[version], "schemas")
    suffixes = ("Response",) if answer else ("Request", "")
    for suffix in suffixes:
        schema = folder.joinpath(f"{action}{suffix}.json")
        if schema.is_file():
            return jsonschema_rs.validator_for(_decode(schema.read_bytes().removeprefix(_BOM)))
    return None


def misfits(compiled: Any, payload: Payload) -> list[Misfit]:
    """Why the payload does not fit, empty where it does.

    What the gate put in a secret's place is not held against the station.
    """
    try:
        if compiled.is_valid(payload):
            return []
        found = [_misfit(error) for error in islice(compiled.iter_errors(payload), MISFITS_MAX)]
    except Exception:  # noqa: BLE001 - it is advice: whatever the library trips over (such as depth), the watch goes on
        return [Misfit("unreadable", "", "")]
    return [misfit for misfit in found if not misfit.value.startswith(("h:", "[redacted"))]


def _misfit(error: Any) -> Misfit:
    keyword = str(error.schema_path[-1])
    names = [part for part in error.instance_path if isinstance(part, str)]
    value = error.instance
    if keyword == "required":
        names.append(error.kind.property)
        value = ""
    elif keyword == "additionalProperties":
        # Where a schema names no field at all, the library does not say which ones are too many.
        value = ", ".join(getattr(error.kind, "unexpected", ())[:4])
    elif isinstance(value, dict | list):
        value = "an object" if isinstance(value, dict) else "a list"
    return Misfit(keyword, ".".join(names), str(value)[:VALUE_MAX])
