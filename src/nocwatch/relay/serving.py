"""What ``nocwatch relay`` runs: one relay process, from its settings to its end."""

from __future__ import annotations

import trio

from nocwatch import garbage
from nocwatch.journal.settings import JournalSettings
from nocwatch.proxy.settings import RelaySettings
from nocwatch.relay.process import Relay
from nocwatch.relay.reload import Reread


async def serve(
    settings: RelaySettings,
    journal: JournalSettings,
    *,
    signals: bool = True,
    reread: Reread | None = None,
    task_status: trio.TaskStatus[Relay] = trio.TASK_STATUS_IGNORED,
) -> None:
    """A relay from its settings to its end; what ``nocwatch relay`` runs, and where it takes the process's signals.

    Args:
        settings: of the relay.
        journal: where the journal lies.
        signals: take the process's signals.
        reread: what SIGHUP reads the configuration with.
        task_status: told of the relay when it accepts.

    Raises:
        NocwatchError: it cannot start; one clear line.
    """
    relay = Relay(settings, journal)
    garbage.tune()
    await relay.run(signals=signals, reread=reread, task_status=task_status)
