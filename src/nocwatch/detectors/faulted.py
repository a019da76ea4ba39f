"""A connector, or the station, reports a fault; or a code that means danger, whatever the status."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import msgspec
from pydantic import Field

from nocwatch.detectors import error_codes, wording
from nocwatch.detectors.base import Context, Detector, Hears, Settings
from nocwatch.detectors.error_codes import DANGEROUS_CODES, SAFETY_CODES
from nocwatch.detectors.reading import began
from nocwatch.flags import Blame, Category, Evidence, Severity
from nocwatch.moments import SECOND_NS
from nocwatch.network import ConnectorStatus, Station
from nocwatch.ocpp.events import ComponentReported, StatusReported
from nocwatch.quantities import Duration
from nocwatch.sessions import Session
from nocwatch.state.changes import ConnectorChanged

CODES_MAX = 16
"""Safety codes remembered for one connector; there are nine."""
_CODE = re.compile(r"(?<![A-Za-z0-9])CX0*(\d{1,3})(?!\d)", re.IGNORECASE)
_NO_ERROR = ("", "NoError")


class FaultedSettings(Settings):
    """What a rule can set of ``faulted``."""

    debounce: Duration = Field(default=10.0, description="A fault that lasts less than this is none.")
    safety_codes: tuple[str, ...] = Field(
        default=tuple(SAFETY_CODES), description="MREC codes that are critical at once, whatever the status."
    )
    dangerous_codes: tuple[str, ...] = Field(
        default=tuple(DANGEROUS_CODES),
        description="What means danger as a word of a Faulted connector's error code, vendor's code or info, in capitals or not: the advice is never to reset.",
    )


class Fault(msgspec.Struct):
    """Of one connector. ``codes``: safety code → when it was reported. ``info``: the text of a fault, where it names a dangerous code."""

    station: str = ""
    evse: int | None = None
    connector: int | None = None
    faulted_since_ns: int = 0
    error_code: str = ""
    vendor_error: str = ""
    info: str = ""
    frames: tuple[str, ...] = ()
    codes: dict[str, int] = {}


class Faulted(Detector[FaultedSettings, Fault]):
    """Faulted.

    Sees a connector (or connector 0, the station itself) report Faulted for `debounce` or longer: critical, or a warning where the
    error code says NoError. A safety code of MREC (`safety_codes`), in an error code, a vendor's code or an info text of
    StatusNotification, or as techCode of NotifyEvent, is critical at once and whatever the status. One flag a connector, which
    clears when the connector reports another status and no safety code stands.

    The advice is by the code. With a safety code, or where the error code or the vendor's code is one of `dangerous_codes`, it is
    never to reset; name the codes of your vendors there that mean danger, beside these.

    Stays quiet on faults that are over within `debounce`, so also on those that a station tells after a time offline; on Faulted with NoError and
    nothing else said, of a station that the registry gives the quirk `faulted_without_error`; and on codes in the vendor's field beside another status
    than Faulted, of one with `vendor_error_on_healthy`.
    """

    name = "faulted"
    category = Category.HARDWARE
    severity = Severity.CRITICAL
    hears: ClassVar[Hears] = (ConnectorChanged, StatusReported, ComponentReported)
    Settings = FaultedSettings
    State = Fault
    title = "Faulted"
    advice = (
        "The flag says whether the code is dangerous. If so: do not reset it; take the connector out of service and send an electrician. If not: what "
        "mends this code, mostly one reset; if the fault comes back, send someone. A vendor's code that nocwatch does not know: look it up first."
    )
    numbers: ClassVar[dict[str, str]] = {"faulted_s": "since the fault began, s"}

    def on(self, event: Any, context: Context[Fault]) -> None:
        if isinstance(event, ConnectorChanged):
            now = event.now
            self._status(
                event.station,
                now.evse,
                now.connector,
                now.reported,
                now.error_code,
                now.vendor_error,
                event.frames,
                context,
            )
        elif isinstance(event, StatusReported):
            self._codes(event, context)
        else:
            self._component(event, context)

    def begin(self, station: Station, context: Context[Fault]) -> None:
        for each in station.connectors:
            if each.reported is ConnectorStatus.FAULTED:
                self._status(
                    station.id,
                    each.evse,
                    each.connector,
                    each.reported,
                    each.error_code,
                    each.vendor_error,
                    (),
                    context,
                )

    def due(self, key: str, context: Context[Fault]) -> None:
        fault = context.peek(key)
        if fault is not None and fault.faulted_since_ns and not self._is_known_noise(fault, context):
            self._tell(key, fault, context)

    def _status(
        self,
        station: str,
        evse: int | None,
        connector: int,
        status: ConnectorStatus,
        error_code: str,
        vendor_error: str,
        frames: tuple[str, ...],
        context: Context[Fault],
    ) -> None:
        key = wording.socket_key(station, evse, connector)
        fault = context.peek(key)
        if status is not ConnectorStatus.FAULTED:
            if fault is not None and fault.faulted_since_ns:
                fault.faulted_since_ns, fault.info = 0, ""
                self._settle(key, fault, f"the connector reports {status}", context)
            elif fault is None:
                context.clear_flag(key, f"the connector reports {status}")
            return
        if fault is None or not fault.station:
            fault = context.state(key)
            fault.station, fault.evse, fault.connector = station, evse, connector
        began = not fault.faulted_since_ns
        if began:
            fault.faulted_since_ns = context.now_ns
        news = (error_code, vendor_error) != (fault.error_code, fault.vendor_error) or began
        if news:
            fault.error_code, fault.vendor_error, fault.frames = error_code, vendor_error, frames
            if context.raised(key):
                self._tell(key, fault, context)
        if news and not context.raised(key):
            lasts_ns = fault.faulted_since_ns + round(self.settings.debounce * SECOND_NS)
            context.wake(key, max(context.now_ns, lasts_ns))

    def _codes(self, event: StatusReported, context: Context[Fault]) -> None:
        key = wording.socket_key(event.station, event.evse, event.connector)
        healthy = event.status is not ConnectorStatus.FAULTED
        noise = healthy and "vendor_error_on_healthy" in context.place(event.station).quirks
        found = self._safety(event.error_code, "" if noise else event.vendor_error, event.info)
        if event.status is ConnectorStatus.FAULTED and error_codes.named_in(
            event.info, self.settings.dangerous_codes
        ):
            # The connector's record, by which the fault is told, has no info text.
            context.state(key).info = event.info
        fault = context.peek(key)
        if not found:
            if fault is not None and fault.codes and event.status is not ConnectorStatus.FAULTED:
                fault.codes = {}
                self._settle(
                    key, fault, f"the connector reports {event.status} without a safety code", context
                )
            return
        self._danger(key, event.station, event.evse, event.connector, found, event.frame, context)

    def _component(self, event: ComponentReported, context: Context[Fault]) -> None:
        found = self._safety(event.tech_code, event.value, event.tech_info)
        if not found:
            return
        connector = event.connector if event.connector is not None else (1 if event.evse else 0)
        key = wording.socket_key(event.station, event.evse or 0, connector)
        if event.cleared:
            fault = context.peek(key)
            if fault is not None:
                fault.codes = {code: at_ns for code, at_ns in fault.codes.items() if code not in found}
                self._settle(key, fault, f"the station says that {', '.join(found)} is over", context)
            return
        self._danger(key, event.station, event.evse or 0, connector, found, event.frame, context)

    def _danger(
        self,
        key: str,
        station: str,
        evse: int | None,
        connector: int,
        found: list[str],
        frame: str,
        context: Context[Fault],
    ) -> None:
        fault = context.state(key)
        fault.station, fault.evse, fault.connector = station, evse, connector
        if all(code in fault.codes for code in found):
            return
        for code in found[:CODES_MAX]:
            fault.codes.setdefault(code, context.now_ns)
        fault.frames = (frame,)
        self._tell(key, fault, context)

    def _settle(self, key: str, fault: Fault, because: str, context: Context[Fault]) -> None:
        if fault.faulted_since_ns or fault.codes:
            return
        context.clear_flag(key, because)
        context.forget(key)

    def _tell(self, key: str, fault: Fault, context: Context[Fault]) -> None:
        context.calm(key)
        onset = min(
            [each for each in (fault.faulted_since_ns, *fault.codes.values()) if each], default=context.now_ns
        )
        codes = [f"{code} ({SAFETY_CODES.get(code, 'safety code')})" for code in fault.codes]
        danger = [*fault.codes, *self._dangerous(fault)]
        harmless = not danger and fault.error_code in _NO_ERROR
        said = [] if fault.error_code in _NO_ERROR else [f"error code {fault.error_code}"]
        said += [f"vendor's code {fault.vendor_error}"] if fault.vendor_error else []
        where = wording.socket(fault.evse, fault.connector)
        state = "Faulted" if fault.faulted_since_ns else "not Faulted"
        what = (
            "reports " + " and ".join(codes) + f", status {state}"
            if codes
            else f"is Faulted, {', '.join(said) or 'with NoError'}"
        )
        context.raise_flag(
            key,
            f"{context.place(fault.station).name or fault.station}: {where} {what}{' (dangerous: do not reset)' if danger else ''}.",
            station=fault.station,
            evse=fault.evse,
            connector=fault.connector,
            onset_ns=onset,
            severity=Severity.WARNING if harmless else Severity.CRITICAL,
            blame=Blame.CHARGER,
            advice=error_codes.dangerous(danger, where)
            if danger
            else error_codes.remedy(
                fault.error_code, fault.vendor_error, len(_transactions(fault.station, context))
            ),
            evidence=(
                Evidence(
                    text=f"{wording.moment(context.now_ns)}: {state}, {', '.join(said + codes) or 'NoError'}.",
                    at_ns=context.now_ns,
                    frames=fault.frames,
                ),
            ),
            numbers={"faulted_s": (context.now_ns - onset) / SECOND_NS},
        )

    def _is_known_noise(self, fault: Fault, context: Context[Fault]) -> bool:
        """Faulted and nothing more, of a station that is known to say so where nothing is wrong."""
        said = fault.codes or fault.info or fault.vendor_error or fault.error_code not in _NO_ERROR
        return not said and "faulted_without_error" in context.place(fault.station).quirks

    def _dangerous(self, fault: Fault) -> list[str]:
        if not fault.faulted_since_ns:
            return []
        said = f"{fault.error_code} {fault.vendor_error} {fault.info}"
        return error_codes.named_in(said, self.settings.dangerous_codes)

    def _safety(self, *texts: str) -> list[str]:
        found = {
            f"CX{int(match):03d}"
            for text in texts
            if "X" in text or "x" in text
            for match in _CODE.findall(text)
        }
        return sorted(found.intersection(self.settings.safety_codes))


def _transactions(station: str, context: Context[Fault]) -> list[Session]:
    return [each for each in context.sessions(station) if began(each)]
