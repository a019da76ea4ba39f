"""The detectors that there are: an explicit list, in the order of docs/detectors.md. A new one is a file and a line here."""

from __future__ import annotations

from typing import Any

from nocwatch.detectors.base import Detector
from nocwatch.detectors.cloned_token_overlap import ClonedTokenOverlap
from nocwatch.detectors.faulted import Faulted
from nocwatch.detectors.flapping import Flapping
from nocwatch.detectors.foreign_update_host import ForeignUpdateHost
from nocwatch.detectors.identity_drift import IdentityDrift
from nocwatch.detectors.lost_stop import LostStop
from nocwatch.detectors.register_rollback import RegisterRollback
from nocwatch.detectors.remote_start_no_transaction import RemoteStartNoTransaction
from nocwatch.detectors.socket_state_gap import SocketStateGap
from nocwatch.detectors.station_offline import StationOffline
from nocwatch.detectors.stuck_state import StuckState
from nocwatch.detectors.success_rate_drop import SuccessRateDrop
from nocwatch.detectors.token_brute_force import TokenBruteForce
from nocwatch.detectors.unexpected_firmware import UnexpectedFirmware
from nocwatch.detectors.zero_energy_session import ZeroEnergySession

CATALOGUE: tuple[type[Detector[Any, Any]], ...] = (
    ZeroEnergySession,
    RemoteStartNoTransaction,
    LostStop,
    StationOffline,
    Flapping,
    SocketStateGap,
    StuckState,
    SuccessRateDrop,
    Faulted,
    RegisterRollback,
    ClonedTokenOverlap,
    TokenBruteForce,
    IdentityDrift,
    UnexpectedFirmware,
    ForeignUpdateHost,
)

BY_NAME: dict[str, type[Detector[Any, Any]]] = {detector.name: detector for detector in CATALOGUE}
