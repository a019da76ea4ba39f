"""The scenarios, in the order in which one visit goes through them. Connections stay for whoever comes next; the stall, last, leaves a mess."""

from __future__ import annotations

from scenarios.base import Scenario
from scenarios.flood import FLOOD
from scenarios.handshakes import HANDSHAKES
from scenarios.latency import LATENCY
from scenarios.memory import MEMORY, MEMORY_AFTER
from scenarios.stall import STALL
from scenarios.storm import STORM
from scenarios.throughput import THROUGHPUT

ALL: tuple[Scenario, ...] = (MEMORY, THROUGHPUT, LATENCY, MEMORY_AFTER, FLOOD, STORM, HANDSHAKES, STALL)
