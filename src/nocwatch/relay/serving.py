"""What ``nocwatch relay`` runs: a relay of one process or of several, from its settings to its end."""

from __future__ import annotations

import trio

from nocwatch import garbage
from nocwatch.journal.settings import JournalSettings
from nocwatch.proxy.settings import RelaySettings
from nocwatch.relay.inherited import given
from nocwatch.relay.parent import Parent
from nocwatch.relay.process import Relay
from nocwatch.relay.reload import Reread


async def serve(
    settings: RelaySettings,
    journal: JournalSettings,
    *,
    signals: bool = True,
    reread: Reread | None = None,
    verbose: bool = False,
    privacy_key: bytes = b"",
    task_status: trio.TaskStatus[Relay | Parent] = trio.TASK_STATUS_IGNORED,
) -> None:
    """A relay, or the parent of its workers.

    Args:
        settings: of the relay.
        journal: where the journal lies.
        signals: take the process's signals.
        reread: what SIGHUP reads the configuration with.
        verbose: whether workers log more.
        privacy_key: what user names of handshakes are hashed with; without it none is recorded.
        task_status: told of the relay when it accepts.

    Raises:
        NocwatchError: it cannot start; one clear line.
    """
    sockets = given(settings)
    made: Relay | Parent
    if settings.workers > 1:
        made = Parent(settings, journal, sockets, verbose=verbose)
    else:
        made = Relay(settings, journal, sockets=sockets.listeners, status=sockets.status)
    made.hash_users_with(privacy_key)
    garbage.tune()
    await made.run(signals=signals, reread=reread, task_status=task_status)
