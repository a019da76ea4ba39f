"""``nocwatch doctor``: looks at an installation as someone would who is called because it does not work.

Each check says what it looked at, what it found, and what to do about it. It changes nothing.
"""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import httpx2
import msgspec
import trio

from nocwatch import clock, moments
from nocwatch.config import Configuration
from nocwatch.errors import ConfigurationError, NocwatchError
from nocwatch.journal import recorded
from nocwatch.journal.inspect import stat
from nocwatch.proxy import certificates
from nocwatch.proxy.dial import Reached, Upstream
from nocwatch.proxy.failure import Failure
from nocwatch.proxy.listener import context_of
from nocwatch.proxy.mistakes import own_listener
from nocwatch.proxy.settings import Limits, ListenerSettings, UpstreamSettings
from nocwatch.store.store import Store
from nocwatch.tap.gate import Gate
from nocwatch.watch.files import load_operators_files

DISK_FREE_MIN = 0.05
PATIENCE_S = 3.0
SILENT_S = 10.0
_DAY_S = 86_400


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at. ``remedy`` is empty where all is well."""

    state: Literal["good", "warning", "bad"]
    what: str
    found: str
    remedy: str = ""


async def examine(configuration: Configuration, folder: Path) -> list[Finding]:
    """All checks, in the order in which a person would make them.

    Args:
        configuration: of the installation.
        folder: the working directory, which relative paths start from.
    """
    found = [
        _files(configuration),
        _disk(configuration, folder),
        _descriptors(),
        *_journal(configuration),
        _store(configuration),
    ]
    async with httpx2.AsyncClient(timeout=PATIENCE_S) as client:
        found += [*_listeners(configuration), *await _upstreams(configuration)]
        if configuration.relay.status:
            found.append(await _process(client, "relay", configuration.relay.status))
        if configuration.metrics.listen:
            found.append(await _process(client, "watch", configuration.metrics.listen))
        found.append(await _influx(client, configuration))
    return found


def _files(configuration: Configuration) -> Finding:
    try:
        rules, places = load_operators_files(configuration, Gate(bytes(32)))
    except ConfigurationError as error:
        return Finding(
            "bad",
            "rules and registry",
            f"{len(error.problems)} mistakes, the first: {error.problems[0]}",
            "nocwatch check lists them all.",
        )
    told = f"{len(rules)} rules, {len(places.stations())} stations in the registry"
    if not any(each.enabled for each in rules):
        remedy = (
            "Nothing will ever be flagged. Leave `rules` out of the configuration, and the shipped ones run."
        )
        return Finding("warning", "rules and registry", f"no rules in {configuration.rules}", remedy)
    return Finding("good", "rules and registry", told)


def _disk(configuration: Configuration, folder: Path) -> Finding:
    journal = configuration.journal.path
    existing = next((each for each in (journal, *journal.parents) if each.exists()), folder)
    if not existing.is_dir():
        return Finding(
            "bad",
            "data folder",
            f"{existing} is a file, and must be a folder",
            "Name another folder (--data, or data: in the configuration), or move the file away.",
        )
    if not os.access(existing, os.W_OK):
        return Finding(
            "bad",
            "data folder",
            f"{existing} cannot be written by this user",
            "Give this user the right to write there, or choose another folder (data:).",
        )
    usage = shutil.disk_usage(existing)
    free = usage.free / usage.total
    told = f"{usage.free / 2**30:.1f} GiB free ({free:.0%}) where the journal lies"
    if usage.free < configuration.journal.size_max / 10 or free < DISK_FREE_MIN:
        return Finding(
            "warning",
            "disk",
            told,
            "When it is full the relay carries on and observations are lost: make room, or lower journal.size_max.",
        )
    return Finding("good", "disk", told)


def _descriptors() -> Finding:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    links = max(0, (hard - 128) // 2)
    told = f"{hard} open files allowed: {links} stations at a time"
    if links < 1000:
        return Finding(
            "warning",
            "open files",
            told,
            "Raise the limit (ulimit -n, or LimitNOFILE= in the unit file): each station needs two.",
        )
    return Finding("good", "open files", told)


def _journal(configuration: Configuration) -> list[Finding]:
    path = configuration.journal.path
    try:
        lanes = stat(path) if path.exists() else []
    except NocwatchError as error:
        return [
            Finding(
                "bad",
                "journal",
                str(error),
                "nocwatch journal verify says more; a damaged segment can be moved away.",
            )
        ]
    if not lanes:
        return [
            Finding(
                "warning",
                "journal",
                f"{path} is empty",
                "Start the relay (nocwatch run); chargers then connect to it.",
            )
        ]
    found, recording = [], recorded.noted(path)
    for lane in lanes:
        age_s = (clock.now_ns() - lane.newest_ns) / 1e9 if lane.newest_ns else None
        told = f"lane {lane.lane}: {lane.bytes / 2**20:.1f} MiB, newest record {'never' if age_s is None else f'{age_s:.0f} s ago'}"
        if not lane.live and recording is not None and recording.is_all({lane.lane: lane.next_sequence}):
            found.append(Finding("good", "journal", f"{told}; made by trace import, no relay is wanted"))
        elif not lane.live and lane.lane >= configuration.relay.workers:
            found.append(Finding("good", "journal", f"{told}; of a worker that is no more"))
        elif not lane.live:
            words = f"{told}; no relay writes it"
            found.append(Finding("warning", "journal", words, "Is the relay running?"))
        elif age_s is None or age_s > SILENT_S:
            found.append(
                Finding(
                    "bad", "journal", told, "The relay runs and writes nothing: is the disk full or hanging?"
                )
            )
        else:
            found.append(Finding("good", "journal", told))
    return found


def _store(configuration: Configuration) -> Finding:
    path = configuration.store.url.removeprefix("sqlite:///")
    if not Path(path).exists():
        return Finding(
            "warning", "store", f"{path} is not there yet", "The watch makes it at its first start."
        )
    try:
        store = Store.open(configuration.store)
    except NocwatchError as error:
        return Finding(
            "bad",
            "store",
            str(error),
            "Move the file away to begin a new one; the journal fills it again as far as it reaches.",
        )
    try:
        counts = store.counts()
    except NocwatchError as error:
        return Finding("bad", "store", str(error), "Move the file away to begin a new one.")
    finally:
        store.close()
    return Finding("good", "store", ", ".join(f"{number} {name}" for name, number in sorted(counts.items())))


async def _upstreams(configuration: Configuration) -> list[Finding]:
    if not configuration.relay.upstreams:
        return [
            Finding(
                "warning",
                "CSMS",
                "none is named yet",
                "Say where it is: relay.upstreams in the configuration, or --upstream ws://host:port, to doctor too.",
            )
        ]
    return [
        await _upstream(upstream, url, configuration.relay.listen)
        for upstream in configuration.relay.upstreams
        for url in (upstream.url, *upstream.fallbacks)
    ]


async def _upstream(settings: UpstreamSettings, url: str, listeners: Iterable[ListenerSettings]) -> Finding:
    """One place of a CSMS, dialled as the relay does it."""
    what = f"CSMS {settings.name}"
    alone = settings.model_copy(update={"url": url, "fallbacks": ()})
    ((host, port, _, _),) = alone.targets
    if listener := await own_listener(host, port, listeners):
        return Finding(
            "bad",
            what,
            f"{host}:{port} leads to {listener}, where nocwatch itself listens: it would dial itself without end",
            "Name the CSMS by another name or address than the one that stations use.",
        )
    try:
        upstream = Upstream(alone, Limits(), lambda _upstream, _failure: None)
    except NocwatchError as error:
        return Finding("bad", what, str(error), "The relay does not start with it.")
    outcome: Reached | Failure | None = None
    with trio.move_on_after(PATIENCE_S) as scope:
        outcome = await upstream.dial(scope.deadline)
    if outcome is None:
        return Finding(
            "bad",
            what,
            f"{host}:{port} does not answer within {PATIENCE_S:.0f} s",
            _UNREACHED,
        )
    if isinstance(outcome, Failure):
        remedy = _OF_TLS if outcome.reason in ("upstream_tls", "upstream_pin") else _UNREACHED
        return Finding("bad", what, f"{host}:{port}: {outcome.sentence}", remedy)
    outcome.sock.close()
    said = f"{host}:{port} accepts connections"
    told = [*upstream.remarks(), *certificates.running_out([], [upstream])]
    if told:
        return Finding(
            "warning", what, f"{said}; {'; '.join(told)}", "Put it right before it stops the stations."
        )
    return Finding("good", what, said)


_UNREACHED = (
    "Is it running, is host and port right, does a firewall stand between? Ask its people, and try from this machine;"
    " until then stations are answered 502 or 504 and dial again, and nocwatch needs no restart."
)
_OF_TLS = "Stations are answered 502 meanwhile. relay.upstreams[].tls says whom the relay believes, and what it shows."


def _listeners(configuration: Configuration) -> list[Finding]:
    """The certificates of listeners, as the files have them."""
    found = []
    for each in configuration.relay.listen:
        try:
            context = context_of(each)
        except NocwatchError as error:
            found.append(Finding("bad", "certificate", str(error), "The relay does not start with it."))
            continue
        if context is None:
            continue
        until = min(one.not_after_s for one in context.certificates)
        days = (until - clock.now_ns() // moments.SECOND_NS) // _DAY_S
        told = f"listener {each.label}: " + (f"{days} days left" if days >= 0 else "it has expired")
        if any(one.expires_soon(clock.now_ns() / moments.SECOND_NS) for one in context.certificates):
            renew = "Renew it; a running relay takes new files over by itself."
            found.append(Finding("warning" if days >= 0 else "bad", "certificate", told, renew))
        else:
            found.append(Finding("good", "certificate", told))
        broken = [remark.text for remark in context.remarks if remark.certain]
        found += [
            Finding("warning", "certificate", f"listener {each.label}: {text}", _CHAIN) for text in broken
        ]
    return found


_CHAIN = "A running relay takes the mended file over by itself."


async def _process(client: httpx2.AsyncClient, name: str, address: str) -> Finding:
    try:
        answer = await client.get(f"http://{address}/readyz")
    except httpx2.HTTPError as error:
        return Finding(
            "warning",
            name,
            f"{address}: {_words(error)}",
            f"Start it: nocwatch run, or nocwatch {name}. If it runs with other options, give them to doctor too.",
        )
    told = answer.json()
    reasons, remarks = (list(map(str, told.get(each, []))) for each in ("reasons", "remarks"))
    if answer.status_code != 200 and not reasons:
        reasons = [f"it answers {answer.status_code}"]
    # What the relay knows of a CSMS is of its last dial; the line of the CSMS above says how it is now.
    of_csms = [each for each in reasons if "not reachable" in each]
    if reasons and len(of_csms) < len(reasons):
        return Finding("bad", name, "; ".join(reasons), "The console's System page has the figures.")
    if of_csms:
        return Finding(
            "warning",
            name,
            f"runs; when it last dialled: {'; '.join(of_csms)}",
            "See the CSMS above. It is dialled again when the next station comes.",
        )
    if remarks:
        return Finding(
            "warning", name, f"runs; {'; '.join(remarks)}", "The console's System page has the figures."
        )
    return Finding("good", name, "runs and is able to do its job")


def _words(error: httpx2.HTTPError) -> str:
    if isinstance(error, httpx2.TimeoutException):
        return f"no answer within {PATIENCE_S:.0f} s"
    if isinstance(error, httpx2.ConnectError):
        return "nothing answers there"
    return f"what answers there does not speak HTTP as it should ({error})"


async def _influx(client: httpx2.AsyncClient, configuration: Configuration) -> Finding:
    url = configuration.influx.url
    if not url:
        return Finding("good", "InfluxDB", "not used (influx.url is not set)")
    try:
        answer = await client.get(f"{url.rstrip('/')}/ping")
    except httpx2.HTTPError as error:
        return Finding(
            "bad",
            "InfluxDB",
            f"{url}: {_words(error)}",
            "Points wait in the spool and are written when it does.",
        )
    version = answer.headers.get("X-Influxdb-Version", "of unknown version")
    return Finding("good", "InfluxDB", f"{version} answers on {url}")
