"""What a relay's parent and its workers say to one another, over a socket pair that nobody else can reach.

The parent has read the configuration and gives it on, so that a worker that has to be started again never depends on what
somebody is writing into the file at that moment. No byte of a station or CSMS passes here.
"""

from __future__ import annotations

import pickle
import socket
from dataclasses import dataclass, field

import trio

from nocwatch.journal.settings import JournalSettings
from nocwatch.proxy.settings import RelaySettings

_LENGTH_SIZE = 4


@dataclass(frozen=True, slots=True)
class Begin:
    """The first word of the parent.

    Attributes:
        settings: of the relay, without the status server, which is the parent's.
        journal: where it lies.
        lane: whose worker this is.
        sockets: descriptors of the listeners, in the order of the settings.
        dials: descriptor of the memory in which all workers note their dials; -1 for none.
        former: last figures of the worker in whose place this one comes.
        verbose: log more.
        privacy_key: what user names of handshakes are hashed with.
    """

    settings: RelaySettings
    journal: JournalSettings
    lane: int
    sockets: tuple[int, ...]
    dials: int
    former: dict[str, int]
    verbose: bool
    privacy_key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Take:
    """A new configuration."""

    settings: RelaySettings


@dataclass(frozen=True, slots=True)
class Stop:
    """The end; with ``hurry`` without the links' grace."""

    hurry: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """How a worker is; from the moment at which it accepts, once a second and after each ``Take``.

    Attributes:
        reasons, remarks: as ``Relay.ready`` gives them.
        counters: as its ticks have them.
        taken: how many ``Take`` it has dealt with.
    """

    reasons: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    taken: int = 0


Message = Begin | Take | Stop | Report


class Channel:
    """One end of the pair. A message arrives whole or not at all."""

    def __init__(self, sock: socket.socket) -> None:
        self._stream = trio.SocketStream(trio.socket.from_stdlib_socket(sock))
        self._turn = trio.Lock()
        self._rest = bytearray()

    async def send(self, message: Message) -> bool:
        """False where nobody listens any more."""
        data = pickle.dumps(message)
        async with self._turn:
            try:
                await self._stream.send_all(len(data).to_bytes(_LENGTH_SIZE) + data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return False
        return True

    async def receive(self) -> Message | None:
        """None at the end."""
        head = await self._exactly(_LENGTH_SIZE)
        data = await self._exactly(int.from_bytes(head)) if head else b""
        message: Message | None = pickle.loads(data) if data else None  # noqa: S301 - see above
        return message

    async def _exactly(self, count: int) -> bytes:
        while len(self._rest) < count:
            try:
                data = await self._stream.receive_some(65536)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return b""
            if not data:
                return b""
            self._rest += data
        taken = bytes(self._rest[:count])
        del self._rest[:count]
        return taken

    def close(self) -> None:
        self._stream.socket.close()
