"""What to do about each trouble of nocwatch itself: said to whoever is on call, who may never have seen the machine.

Words alone; what is wrong is found in ``status.py``. Each says first whether chargers are concerned, since that decides who is woken.
"""

from __future__ import annotations

from typing import NamedTuple


class Trouble(NamedTuple):
    """A sentence, and what to do about it."""

    text: str
    remedy: str


STORE = (
    "Chargers go on, and nobody is told of troubles meanwhile. Look at the disk that holds the database (df) and at its rights; once it can be "
    "written to, the watch goes on by itself and reads what it missed."
)
BEHIND = (
    "Chargers go on, and alerts come late. Look whether the machine is short of processor or disk (top, iostat). It catches up by itself; if the "
    "figure grows for ten minutes, stop what else runs there."
)
READING = "After a start this takes seconds to minutes, and ends by itself. Alerts are told once it is done."
NO_RELAY = (
    "Chargers may be cut off. On the relay's machine: systemctl status nocwatch-relay (or docker compose ps), start it if it is down, and compare "
    "journal.path of relay and watch."
)
RELAY_SILENT = (
    "Chargers may be cut off, so this comes first. Does http://127.0.0.1:9465/healthz on its machine answer? If not, restart the relay: chargers reconnect by "
    "themselves. If it does, look at its disk and its log."
)
RELAY_ENDED = (
    "Somebody stopped it, or its service was told to end: no fault by itself, and no charger can connect until it is started again (systemctl start "
    "nocwatch-relay, or nocwatch run). If nobody knows of it, look at its log and at the machine's updates."
)
RELAY_DRAINS = (
    "It was asked to end and gives its links their time (relay.grace); nobody new is let in where it does. A worker that was asked alone is "
    "replaced by itself."
)
JOURNAL_FULL = (
    "Chargers go on, nobody watches them. Make room on the journal's disk, or lower journal.size_max and restart the relay. It writes again by "
    "itself once there is room."
)
RECORDED = (
    "Nothing is wrong: the folder was made from traces, and holds what they hold. To watch chargers, give nocwatch the "
    "folder of a relay."
)
JOURNAL_DROPS = "Chargers were not touched. Look at the journal's disk: room (df) and speed. What passed then is lost to nocwatch; ask the CSMS about sessions of that time."
UPSTREAM = (
    "Stations cannot reach their CSMS. From the relay's machine, does the CSMS answer (curl -v its address)? If not, call the team that runs it; "
    "if it does, compare the address under relay.upstreams. Stations come back by themselves."
)
FILES = "The former files stay in force. Whoever edited them last mends the line that is named; nocwatch check tries them before they are saved."
INFLUX = "Alerts and this console are not touched; Grafana shows a gap until it is back. Look at InfluxDB's own log; what waits in the spool is written by itself."
SPOOL_DROPS = "Alerts and this console are not touched; Grafana keeps a gap. Look at the spool's disk, or raise its size."


def receiver(name: str) -> str:
    """Of a receiver that could not be told."""
    return (
        f"People may not have heard: read the Alerts page until this is gone. It is tried again by itself, for a day. A refusal means a changed "
        f"address or password: see alerts.receivers.{name} in the configuration."
    )
