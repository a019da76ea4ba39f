"""The candidates, in the order of the tables."""

from __future__ import annotations

from candidates.afternoon import TRIO_WEBSOCKET, WEBSOCKETS
from candidates.base import Candidate
from candidates.floor import Direct, Floor
from candidates.haproxy import Haproxy
from candidates.mitmproxy import Mitmproxy
from candidates.nginx import Nginx
from candidates.nocwatch import Nocwatch

ALL: tuple[Candidate, ...] = (
    Nocwatch(),
    Nginx(),
    Haproxy(),
    WEBSOCKETS,
    TRIO_WEBSOCKET,
    Mitmproxy(),
    Floor(),
    Direct(),
    Nocwatch(workers=2),
    Nocwatch(tls=True),
    Nginx(tls=True),
    Haproxy(tls=True),
)
REFERENCES = ("nginx", "nginx+tls")
"""What the others are compared with, where they are there: the plain ones, and those with TLS."""
