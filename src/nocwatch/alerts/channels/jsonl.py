"""A file of JSON lines, one a notification, on disk before it counts as delivered. Fields as of an alert in docs/trace.md, and more.

What always holds: each line is whole; a line that a full disk cut off is ended before the next one begins.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from nocwatch.alerts.notification import Delivered, Notification, Retry, Sent
from nocwatch.moments import rfc3339

FILE_BYTES_MAX = 64 * 1024 * 1024
"""Then the file becomes ``<name>.1``, in the place of the one before: two files, some hundred thousand notifications."""


class FileChannel:
    """Appends to one file."""

    kind = "file"

    def __init__(
        self,
        path: str,
        *,
        tells_resolved: bool = True,
        timeout_s: float = 20.0,
        give_up_after_s: float = 86_400.0,
    ) -> None:
        self.path = Path(path)
        self.tells_resolved = tells_resolved
        self.timeout_s = timeout_s
        self.give_up_after_s = give_up_after_s

    def send(self, notification: Notification) -> Sent:
        try:
            self._append(line(notification))
        except OSError as error:
            return Retry(f"{self.path} cannot be written: {error.strerror or error}")
        return Delivered()

    def _append(self, data: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and self.path.stat().st_size >= FILE_BYTES_MAX:
            self.path.replace(self.path.with_name(self.path.name + ".1"))
        with self.path.open("a+b") as file:
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(size - 1)
                if file.read(1) != b"\n":
                    data = b"\n" + data
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


def line(notification: Notification) -> bytes:
    """The notification as a line with its newline."""
    alert = notification.alert
    return (
        msgspec.json.encode(
            {
                "kind": "alert",
                "at": rfc3339(alert.at_ns),
                "id": alert.id,
                "state": alert.state,
                "notice": alert.notice,
                "severity": alert.severity,
                "group": alert.group,
                "station": alert.station,
                "site": alert.site or None,
                "evse": alert.evse,
                "connector": alert.connector,
                "session": alert.session,
                "rule": alert.rule or None,
                "category": alert.category or None,
                "subject": notification.subject,
                "summary": alert.summary,
                "advice": alert.advice,
                "blame": alert.blame,
                "started_at": rfc3339(alert.started_at_ns),
                "resolved_because": alert.resolved_because or None,
                "receivers": alert.receivers,
                "flags": alert.flags,
                "flag_count": alert.flag_count,
                "revision": alert.revision,
                "evidence": [item.text for flag in notification.flags for item in flag.evidence],
                "url": notification.console_url or None,
            }
        )
        + b"\n"
    )
