"""The report about a station in words: what was seen, how sure that is, and what was not seen. Pure.

What always holds: no sentence says more than its numbers: a difference is one only where the intervals lie apart, and a fault is laid at
nobody's door without its evidence.
"""

from __future__ import annotations

import glob
import shlex
from collections.abc import Iterator

from nocwatch.moments import MINUTE_NS
from nocwatch.reports.pages import Block, Code, Heading, Paragraph, Points, Table
from nocwatch.reports.station import EVIDENCE_MAX, Cohort, Share, StationReport, share
from nocwatch.reports.writing import Style, clock
from nocwatch.sessions import Session

AROUND_NS = MINUTE_NS
"""What comes just before a session's first act and just after its last belongs to its story."""
UNKNOWN = "-"
"""What is not known, or was not said."""
_OURS = frozenset({"relay_lost", "shutdown"})
"""Reasons of links that ended because nocwatch's relay did: it was killed, or shut down."""
_DIFFERS = {
    "more": "this station fails more often",
    "less": "this station fails less often",
    "none": "no difference can be shown",
}


def title(report: StationReport) -> str:
    return f"Charging station {report.identity.station}"


def page(report: StationReport, style: Style) -> Iterator[Block]:
    """All of it, in the order in which somebody reads who has never heard of the station."""
    yield Heading(title(report), 1)
    yield Paragraph(
        f"What nocwatch saw of it from {style.moment(report.from_ns, 'UTC')} to {style.moment(report.until_ns, 'UTC')}. "
        f"Made at {style.moment(report.at_ns, 'UTC')}."
    )
    yield from _identity(report, style)
    yield from _sessions(report)
    yield from _cohorts(report)
    yield from _errors(report)
    yield from _link(report, style)
    yield from _flags(report, style)
    yield from _examples(report, style)
    yield from _limits(report, style)


def percent(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value * 100:.1f} %"


def interval(found: Share) -> str:
    return (
        UNKNOWN
        if found.low is None or found.high is None
        else f"{found.low * 100:.1f} to {found.high * 100:.1f} %"
    )


def _identity(report: StationReport, style: Style) -> Iterator[Block]:
    who = report.identity
    told = (
        ("Station", who.station),
        ("Name", who.name),
        ("Site", who.site),
        ("Vendor", who.vendor),
        ("Model", who.model),
        ("Serial number", who.serial),
        ("Firmware", who.firmware),
        ("OCPP", who.version),
    )
    yield Table(("", "Who it is"), tuple((name, value) for name, value in told if value))
    if len(report.eras) > 1:
        rows = tuple(
            (style.moment(each.from_ns, "UTC"), each.firmware or "not known") for each in report.eras
        )
        yield Heading("Firmware over time")
        yield Table(("Seen from", "Firmware"), rows)


def _sessions(report: StationReport) -> Iterator[Block]:
    failed = report.failed
    yield Heading("Sessions")
    if not sum(report.outcomes.values()):
        yield Paragraph("No session began in this time.")
        return
    rows = tuple((outcome, str(number)) for outcome, number in report.outcomes.items() if number)
    yield Table(("Outcome", "Sessions "), rows)
    yield Paragraph(
        f"{failed.number} of {failed.of} sessions that succeeded or failed have failed: {percent(failed.share)} "
        f"(95 % interval {interval(failed)}). What drivers broke off, or were refused, is not among them."
        if failed.of
        else "None of them succeeded or failed: drivers broke them off, were refused, or are still charging."
    )
    if report.reasons:
        yield Heading("Failures by reason", 3)
        yield Table(
            ("Reason", "Failed ", "Share of sessions ", "95 % interval "),
            tuple(
                (reason, str(found.number), percent(found.share), interval(found))
                for reason, found in report.reasons.items()
            ),
        )
        own = share(report.blames.get("charger", 0), failed.of)
        blames = ", ".join(f"{blame} {number}" for blame, number in report.blames.items())
        yield Paragraph(
            f"Whose fault they look like, by what was seen on the link: {blames}. "
            f"The charger's own share of sessions is {percent(own.share)} (95 % interval {interval(own)}). "
            "The evidence of single sessions is below."
        )


def _cohorts(report: StationReport) -> Iterator[Block]:
    yield Heading("Beside other stations")
    if not report.failed.of:
        yield Paragraph("There is nothing to compare: no session of this station succeeded or failed.")
        return
    rows = [("this station", "1", *_of(report.failed), "")]
    rows += [(each.name, str(each.stations), *_of(each.failed), _difference(each)) for each in report.cohorts]
    yield Table(
        ("Stations", "Number ", "Sessions ", "Failed ", "Share ", "95 % interval ", "Compared"), tuple(rows)
    )
    yield Paragraph(
        "The others are counted without this station, in the same time, by the model and firmware that they have now. "
        "A difference is said only where the intervals lie apart: that no difference can be shown does not say that there is none."
    )
    yield from _reasons(report)


def _difference(cohort: Cohort) -> str:
    if not cohort.failed.of:
        return "no others with sessions"
    return _DIFFERS[cohort.differs]


def _of(found: Share) -> tuple[str, str, str, str]:
    return str(found.of), str(found.number), percent(found.share), interval(found)


def _reasons(report: StationReport) -> Iterator[Block]:
    near = next((each for each in report.cohorts if each.failed.of), None)
    if near is None or not report.reasons:
        return
    yield Heading(f"Reasons beside others ({near.name})", 3)
    nothing = Share(number=0, of=near.failed.of)
    yield Table(
        ("Reason", "This station ", "Of sessions ", "Others ", "Of sessions "),
        tuple(
            (
                reason,
                f"{found.number} of {found.of}",
                percent(found.share),
                f"{near.reasons.get(reason, nothing).number} of {near.failed.of}",
                percent(near.reasons[reason].share if reason in near.reasons else 0.0),
            )
            for reason, found in report.reasons.items()
        ),
    )


def _errors(report: StationReport) -> Iterator[Block]:
    yield Heading("Error codes")
    if report.faults:
        yield Table(
            ("Code in its status", "Times ", "Stood for (hh:mm:ss) "),
            tuple((each.code, str(each.number), clock(each.time_ns)) for each in report.faults),
        )
    else:
        yield Paragraph("No error code in a status was seen.")
    if report.complaints:
        yield Table(
            ("Message", "Error", "By", "Times "),
            tuple(
                (
                    each.action or UNKNOWN,
                    each.code or "not answered",
                    "this station" if each.by == "station" else "the CSMS",
                    str(each.number),
                )
                for each in report.complaints
            ),
        )


def _link(report: StationReport, style: Style) -> Iterator[Block]:
    out = report.outages
    yield Heading("Outages and reconnects")
    if not out.seen:
        yield Paragraph("Nothing is known of its connectors in this time: outages cannot be told.")
    elif not out.number:
        yield Paragraph("No outage was seen.")
    else:
        times = "once" if out.number == 1 else f"{out.number} times"
        yield Paragraph(f"Without a link {times}, {clock(out.time_ns)} (hh:mm:ss) in all.")
        yield Table(
            ("From", "To", "Length (hh:mm:ss) "),
            tuple(
                (
                    style.moment(begin, "UTC"),
                    "still lasts" if end >= report.until_ns else style.moment(end, "UTC"),
                    clock(end - begin),
                )
                for begin, end in out.longest
            ),
        )
    if report.links:
        yield Table(
            ("Link", "Reason", "Times "),
            tuple((each.event, each.reason or UNKNOWN, str(each.number)) for each in report.links),
        )
    if ours := sorted({each.reason for each in report.links} & _OURS):
        yield Paragraph(
            f"{' and '.join(ours)}: nocwatch itself was restarted; these ends are not the station's, nor the site's."
        )


def _flags(report: StationReport, style: Style) -> Iterator[Block]:
    yield Heading("Flags")
    if not report.flags:
        yield Paragraph("None was raised.")
    for flag in report.flags:
        yield Heading(
            f"{style.moment(flag.onset_at_ns, 'UTC')}  {flag.severity}  {flag.rule} ({flag.state})", 3
        )
        yield Paragraph(flag.summary)
        if flag.evidence:
            yield Points(tuple(each.text for each in flag.evidence[:EVIDENCE_MAX]))
    if report.flags_more:
        yield Paragraph(f"The newest {len(report.flags)}; there are more.")


def _examples(report: StationReport, style: Style) -> Iterator[Block]:
    if not report.examples:
        return
    yield Heading("The latest failed sessions, and their traces")
    yield Paragraph(
        "Of each the first command gives the OCPP messages, as long as the journal keeps them; "
        "the second takes identities, names and serial numbers out of them."
    )
    for session in report.examples:
        where = ".".join(str(each) for each in (session.evse, session.connector) if each is not None)
        transaction = "none" if session.transaction is None else session.transaction
        yield Heading(
            f"{style.moment(session.started_at_ns, 'UTC')}  {session.reason or 'UNKNOWN'}, blame: {session.blame or 'unknown'}",
            3,
        )
        yield Paragraph(
            f"Connector {where or 'not known'}, transaction {transaction}, energy "
            + ("not known" if session.energy_wh is None else f"{session.energy_wh / 1000:.3f} kWh")
            + (f", stop reason {session.stop_reason}" if session.stop_reason else "")
            + f"; session {session.id}."
        )
        if session.blame_evidence:
            yield Points(tuple(each.text for each in session.blame_evidence[:EVIDENCE_MAX]))
        yield Code(commands(session, report.options))


def trace_window(session: Session) -> tuple[str, str]:
    """From and until, UTC: a minute around it."""
    iso = Style()
    first = min([session.started_at_ns, *(step.at_ns for step in session.steps)])
    last = max(session.stopped_at_ns or 0, session.changed_at_ns)
    return iso.moment(first - AROUND_NS, "UTC"), iso.moment(last + AROUND_NS, "UTC")


def commands(session: Session, options: str = "") -> tuple[str, ...]:
    """What exports the trace and takes the names out of it; ``options`` name the configuration and the data."""
    from_, until = trace_window(session)
    station = shlex.quote(glob.escape(session.station))
    return (
        f"nocwatch trace export {f'{options} ' if options else ''}--station {station} --from {from_} --until {until} > {session.id}.jsonl",
        f"nocwatch trace anonymise {session.id}.jsonl > {session.id}.anonymous.jsonl",
    )


def _limits(report: StationReport, style: Style) -> Iterator[Block]:
    yield Heading("What this rests on, and what it does not say")
    points = [
        "It rests on the OCPP messages between the station and its CSMS.",
        "Not seen: what passed between station and vehicle, on the display, or inside the station.",
        "Blame says whose fault a session looks like from there. It is a finding to be checked, no proof.",
        "A session belongs to the window in which it began; a message that comes late can still change its outcome.",
    ]
    if report.eras and report.eras[0].from_ns > report.from_ns:
        points.append(f"The station was first seen at {style.moment(report.eras[0].from_ns, 'UTC')}.")
    if report.first_frame_ns is None:
        points.append(
            "No message of the station is kept any more: link events and answered errors cannot be told."
        )
    elif report.first_frame_ns > report.from_ns:
        points.append(
            f"Messages are kept from {style.moment(report.first_frame_ns, 'UTC')} on: "
            "link events and answered errors before it are not counted."
        )
    if report.anonymised:
        points.append("Identities, names, places, serial numbers, tokens and addresses were taken out.")
    yield Points(tuple(points))
