"""Real InfluxDB servers, 1.8 and 2.7, on a port and a folder of their own."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import httpx2
from tests.support.deployment import answers, free_port, until

ORG, TOKEN, BUCKET = "noc", "a-token-for-tests", "nocwatch"


class InfluxServer:
    """One server; ``stop`` and ``start`` keep its data and its port."""

    def __init__(self, program: str, folder: Path, version: int) -> None:
        self.program, self.folder, self.version = program, folder, version
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    async def start(self) -> None:
        folder, log = self.folder, (self.folder / "log").open("ab")
        if self.version == 1:
            environment = {
                "INFLUXDB_REPORTING_DISABLED": "true",
                "INFLUXDB_BIND_ADDRESS": "127.0.0.1:0",
                "INFLUXDB_META_DIR": str(folder / "meta"),
                "INFLUXDB_DATA_DIR": str(folder / "data"),
                "INFLUXDB_DATA_WAL_DIR": str(folder / "wal"),
                "INFLUXDB_HTTP_BIND_ADDRESS": f"127.0.0.1:{self.port}",
                "INFLUXDB_HTTP_LOG_ENABLED": "false",
            }
            command = [self.program, "run", "-config", "/dev/null"]
        else:
            environment = {}
            command = [
                self.program, "run", "--reporting-disabled", "--log-level", "error",
                "--http-bind-address", f"127.0.0.1:{self.port}", "--bolt-path", str(folder / "bolt"),
                "--sqlite-path", str(folder / "sqlite"), "--engine-path", str(folder / "engine"),
            ]  # fmt: skip
        self.process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        log.close()
        await until(self._ready, f"InfluxDB {self.version} answers")

    async def _ready(self) -> bool:
        try:
            async with httpx2.AsyncClient(timeout=2) as client:
                if (await client.get(f"{self.url}/ping")).status_code != 204:
                    return False
                if self.version == 2:
                    setup = {
                        "username": "admin",
                        "password": "eight-or-more",
                        "org": ORG,
                        "bucket": BUCKET,
                        "token": TOKEN,
                    }
                    return (await client.post(f"{self.url}/api/v2/setup", json=setup)).status_code in (
                        201,
                        422,
                    )
                return True
        except httpx2.HTTPError:
            return False

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None

    @property
    def settings(self) -> list[str]:
        """What nocwatch needs to be told."""
        return [
            f"influx.url={self.url}",
            f"influx.token={TOKEN}",
            f"influx.org={ORG}",
            f"influx.bucket={BUCKET}",
        ]

    def make(self, database: str) -> None:
        """A database of its own for a test; nothing where it is there."""
        if self.version == 1:
            self.query(f'CREATE DATABASE "{database}"')
            return
        organisations = self._api(f"orgs?org={ORG}")["orgs"]
        if not self._api(f"buckets?name={database}")["buckets"]:
            self._api("buckets", {"name": database, "orgID": organisations[0]["id"], "retentionRules": []})

    def _api(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"}
        with urllib.request.urlopen(
            urllib.request.Request(f"{self.url}/api/v2/{path}", data, headers), timeout=30
        ) as answer:
            return json.load(answer)  # type: ignore[no-any-return]

    def write(self, lines: bytes, database: str = BUCKET) -> tuple[int, str]:
        """Line protocol, as any client writes it; the server's status and words."""
        request = urllib.request.Request(
            f"{self.url}/api/v2/write?org={ORG}&bucket={database}&precision=ns",
            lines,
            {"Authorization": f"Token {TOKEN}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, ""
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def query(self, text: str, database: str = BUCKET) -> list[dict[str, Any]]:
        """The series of an InfluxQL query.

        Raises:
            AssertionError: the server says that the query is wrong.
        """
        body = urllib.parse.urlencode({"db": database, "q": text, "epoch": "ns"}).encode()
        request = urllib.request.Request(f"{self.url}/query", body, {"Authorization": f"Token {TOKEN}"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                result = json.load(answer)["results"][0]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{error.code}: {error.read()[:500]!r} for {text}") from None
        if result.get("error", "").startswith("database not found"):
            return []  # before nocwatch has made it
        assert "error" not in result, f"{result['error']} for {text}"
        return result.get("series", [])

    def count(self, measurement: str, field: str, database: str = BUCKET) -> int:
        series = self.query(f'SELECT count("{field}") FROM "{measurement}"', database)
        return int(series[0]["values"][0][1]) if series else 0


__all__ = ["InfluxServer", "answers"]
