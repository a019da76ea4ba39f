"""The keys ``influx:`` and ``metrics:`` of the configuration: where points go, and where Prometheus scrapes."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from nocwatch.quantities import Duration, Size


class InfluxSettings(BaseModel):
    """Where frames, samples, states, sessions and flags go. Without ``url`` nothing is written and nothing is spooled.

    For InfluxDB 1.8 ``bucket`` is ``database`` or ``database/policy``, and ``token`` is ``user:password``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str | None = Field(default=None, description="http://127.0.0.1:8086; null: InfluxDB is not used")
    token: SecretStr | None = Field(default=None, description="or token_file; for InfluxDB 1.8 user:password")
    org: str | None = Field(default=None, description="organisation; InfluxDB 1.8 has none")
    bucket: str = Field(
        default="nocwatch", description="bucket, or for InfluxDB 1.8 database or database/policy"
    )
    spool: str = Field(default="data/influx", description="folder of what has not been written yet")
    spool_size_max: Size = Field(
        default=4 * 2**30, ge=1 << 20, description="older points are dropped, and counted, beyond this"
    )
    batch_points_max: int = Field(default=5000, ge=1, le=100_000, description="points in one write")
    timeout: Duration = Field(default=10.0, gt=0, description="of one write")


class MetricsSettings(BaseModel):
    """Where Prometheus scrapes the watch; null: nowhere."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen: str | None = Field(
        default="127.0.0.1:9464", description="/metrics, /healthz, /readyz of the watch"
    )
