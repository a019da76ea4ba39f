"""Files of traces as lines in order of time, whatever tool wrote them and however.

Plain or gzip, with a byte-order mark, with CR LF, as one JSON array, through a pipe, out of order.

What always holds: files are looked through before the first line is given, so that what is wrong with them is told at once
and nothing is left half done. Lines of one moment stay in the order in which they stand.
"""

from __future__ import annotations

import gzip
import heapq
import tempfile
import weakref
import zlib
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from operator import attrgetter
from pathlib import Path
from typing import IO, cast

import msgspec

from nocwatch.errors import NocwatchError
from nocwatch.trace.lines import Line
from nocwatch.trace.parsing import parse_line

LINE_BYTES_MAX = 16 * 1024 * 1024
"""A message of a station is a few KiB; a longer line is another kind of file."""
ARRAY_BYTES_MAX = 512 * 1024 * 1024
"""An array is read as a whole. Lines, which are not, are the form for more."""
BROKEN_TOLD_MAX = 20
"""Of one file: after so many it is the tool that is wrong, and no line. All are counted."""
_GZIP, _BOM = b"\x1f\x8b", b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile)
"""What a packed file that was cut short or changed gives off."""


class Traces:
    """Files that were looked through.

    Attributes:
        notes: what people should know of them, each a sentence with the file's name.
    """

    def __init__(self, files: Sequence[Path], *, skip_broken: bool = False) -> None:
        """Looks through all of them.

        Args:
            files: JSON Lines, or JSON arrays; a pipe is as good as a file.
            skip_broken: passes over lines that cannot be read, and notes them, instead of refusing the file.

        Raises:
            NocwatchError: file:line and what is wrong with it, of all files; a file that cannot be read.
        """
        self.notes: list[str] = []
        self._files = [_File(path) for path in files]
        broken: list[str] = []
        for file in self._files:
            told = [str(each) for each in file.broken[:BROKEN_TOLD_MAX]]
            if len(file.broken) > 1:
                told.append(f"{file.path}: {len(file.broken)} of {file.lines} lines cannot be read")
            (self.notes if skip_broken else broken).extend(told)
            if not file.lines:
                self.notes.append(f"{file.path}: there is no line in it")
            if file.order is not None:
                self.notes.append(
                    f"{file.path}: {file.disordered} of {file.lines} lines stood out of order; they are read by their time stamps"
                )
        if broken:
            raise NocwatchError("\n".join(broken))

    @property
    def empty(self) -> bool:
        """Whether no file has a line that can be read."""
        return all(file.lines == len(file.broken) for file in self._files)

    def __iter__(self) -> Iterator[Line]:
        """All lines of all files, merged by time."""
        return heapq.merge(*self._files, key=attrgetter("at_ns"))


class _File:
    """One file, and what was seen when it was looked through.

    Attributes:
        broken: file:line and a sentence, of each line that cannot be read.
        order: where lines stand, by their time; None where they are to be read as they stand.
        disordered: lines with one before them that is of a later time.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.broken: list[str] = []
        self.lines = self.disordered = 0
        self.order: list[int] | None = None
        self._kept: IO[bytes] | None = None
        with _told(path):
            # A pipe can be read once.
            if not path.is_file():
                with path.open("rb") as pipe:
                    self._keep(_copy(pipe))
            head = self._head()
            if head[:2] in _UTF16:
                raise NocwatchError(f"{path}:1: this is UTF-16 text; a trace is UTF-8")
            if head.removeprefix(_BOM).lstrip()[:1] == b"[":
                with self._opened() as source:
                    self._keep(_lines_of_array(path, source))
        self._look_through()

    def _head(self) -> bytes:
        try:
            with self._opened() as source:
                return source.read(256)
        except _DAMAGED:
            return b""  # it is told with its line when all is looked through

    def _keep(self, copy: IO[bytes]) -> None:
        """It is closed when nobody reads this trace any more."""
        if self._kept is not None:
            self._kept.close()
        self._kept = copy
        weakref.finalize(self, copy.close)

    def _look_through(self) -> None:
        times, places = array("q"), array("q")
        latest_ns = before_ns = -(1 << 62)
        links, falls = False, 0
        for place, line in self._read(tell=True):
            times.append(line.at_ns)
            places.append(place)
            links = links or line.link is not None
            self.disordered += line.at_ns < latest_ns
            falls += line.at_ns < before_ns
            latest_ns, before_ns = max(latest_ns, line.at_ns), line.at_ns
        # A trace with link lines is our own. Its lines stand as things happened, even where the clock was set back meanwhile.
        if self.disordered and not links:
            standing = range(len(times))
            # A dump with the newest line first has the lines of one moment the wrong way round too.
            ordered = sorted(standing[::-1] if falls * 2 > len(times) else standing, key=times.__getitem__)
            self.order = [places[index] for index in ordered]
            if self._packed():
                with _told(self.path), self._opened() as source:
                    self._keep(_copy(source))  # to go back in packed text is to unpack it anew
        else:
            self.disordered = 0

    def __iter__(self) -> Iterator[Line]:
        if self.order is None:
            for _, line in self._read():
                yield line
            return
        with _told(self.path), self._opened() as source:
            for place in self.order:
                source.seek(place)
                yield parse_line(source.readline().removeprefix(_BOM))

    def _read(self, *, tell: bool = False) -> Iterator[tuple[int, Line]]:
        """Where each line stands, and the line; with ``tell`` what is wrong is put down."""
        place = number = 0
        try:
            with _told(self.path), self._opened() as source:
                while text := source.readline(LINE_BYTES_MAX + 1):
                    number += 1
                    if len(text) > LINE_BYTES_MAX:
                        raise NocwatchError(
                            f"{self.path}:{number}: this line is longer than {LINE_BYTES_MAX >> 20} MiB"
                        )
                    if plain := text.removeprefix(_BOM).strip():
                        self.lines += tell
                        try:
                            yield place, parse_line(plain)
                        except ValueError as error:
                            if tell:
                                self.broken.append(f"{self.path}:{number}: {error}")
                    place += len(text)
        except _DAMAGED as error:
            # What was unpacked before the damage is as good as ever.
            if tell:
                self.lines += 1
                self.broken.append(f"{self.path}:{number + 1}: the packed file is damaged here: {error}")

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        """From its first byte on, unpacked."""
        if self._kept is not None:
            self._kept.seek(0)
            with _unpacked(self._kept) as source:
                yield source
            return
        with self.path.open("rb") as file, _unpacked(file) as source:
            yield source

    def _packed(self) -> bool:
        if self._kept is not None:
            return _is_gzip(self._kept)
        with self.path.open("rb") as file:
            return _is_gzip(file)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except gzip.BadGzipFile:
        raise
    except OSError as error:
        raise NocwatchError(f"{path}: cannot be read: {error.strerror or error}") from error


def _is_gzip(file: IO[bytes]) -> bool:
    """Leaves the file at its begin."""
    head = file.read(2)
    file.seek(0)
    return head == _GZIP


@contextmanager
def _unpacked(file: IO[bytes]) -> Iterator[IO[bytes]]:
    if not _is_gzip(file):
        yield file
        return
    with gzip.open(file) as unpacked:
        yield cast("IO[bytes]", unpacked)


def _copy(source: IO[bytes]) -> IO[bytes]:
    """In a file that nobody sees and that goes with us; of a damaged one what stands before the damage."""
    kept: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the trace is read
    with suppress(*_DAMAGED):
        while text := source.readline(LINE_BYTES_MAX):
            kept.write(text)
    kept.seek(0)
    return kept


def _lines_of_array(path: Path, source: IO[bytes]) -> IO[bytes]:
    """An array's records, a line each: the number of a mistake's line is then the record's."""
    try:
        text = source.read(ARRAY_BYTES_MAX + 1).removeprefix(_BOM)
    except _DAMAGED as error:
        raise NocwatchError(f"{path}: the packed file is damaged: {error}") from None
    if len(text) > ARRAY_BYTES_MAX:
        raise NocwatchError(
            f"{path}: this array is longer than {ARRAY_BYTES_MAX >> 20} MiB; write one record a line"
        )
    wrong = f"{path}:1: neither a line of a trace nor a JSON array of such lines"
    try:
        records = msgspec.json.decode(text, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NocwatchError(f"{wrong}: {error}") from None
    if records and bytes(records[0])[:1] != b"{":
        raise NocwatchError(wrong)  # messages of OCPP alone: nobody can tell when and from whom
    lines: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the trace is read
    for record in records:
        # Within JSON a line break stands between words only.
        lines.write(bytes(record).replace(b"\r", b" ").replace(b"\n", b" ") + b"\n")
    return lines
