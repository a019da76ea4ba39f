"""The candidates, in the order of the tables."""

from __future__ import annotations

from candidates.base import Candidate
from candidates.floor import Direct, Floor
from candidates.haproxy import Haproxy
from candidates.nginx import Nginx
from candidates.nocwatch import Nocwatch
from candidates.websockets_json import WebsocketsJson

ALL: tuple[Candidate, ...] = (Nocwatch(), Nginx(), Haproxy(), WebsocketsJson(), Floor(), Direct())
REFERENCE = "nginx"
"""What the others are compared with, where it is there."""
