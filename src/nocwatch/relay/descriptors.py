"""How many links a process may have: two file descriptors each, and some that are not for links."""

from __future__ import annotations

import resource

import structlog

_log = structlog.get_logger("nocwatch.relay")

DESCRIPTORS_SPARE = 128
"""Of the process's descriptors, kept for the journal, listeners, the status server and connections being refused."""


def links_possible() -> int:
    """Two descriptors a link. The soft limit is raised to the hard one, which the operator set."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (OSError, ValueError):
            _log.warning("the limit of open files cannot be raised", limit=soft)
    return max(1, (soft - DESCRIPTORS_SPARE) // 2)
