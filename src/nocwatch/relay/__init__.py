"""The relay: what stands in the way of every charger's bytes, put together, kept running, reloaded and ended in order.

``process`` is one relay process. Nothing here decides about bytes (``proxy/``) nor about files (``journal/``).
"""

from __future__ import annotations

from nocwatch.relay.process import Relay
from nocwatch.relay.serving import serve

__all__ = ["Relay", "serve"]
