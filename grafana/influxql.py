"""What the foundation SDK lacks: a query in InfluxQL, the language that InfluxDB 1.8, 2.x and 3.x share."""

from __future__ import annotations

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import DataSourceRef

INFLUX = DataSourceRef(type_val="influxdb", uid="nocwatch-influxdb")


class InfluxQuery(Dataquery):
    """One raw InfluxQL query, as Grafana's data source keeps it."""

    def __init__(self, text: str, ref: str, alias: str, result: str) -> None:
        self.text, self.ref, self.alias, self.result = text, ref, alias, result

    def to_json(self) -> dict[str, object]:
        return {
            "datasource": INFLUX.to_json(),
            "refId": self.ref,
            "rawQuery": True,
            "query": self.text,
            "alias": self.alias,
            "resultFormat": self.result,
        }


class Query(Builder[Dataquery]):
    """A target of a panel. ``alias`` names the series: ``$tag_connector``, ``$col``."""

    def __init__(self, text: str, *, ref: str = "A", alias: str = "", result: str = "time_series") -> None:
        self._query = InfluxQuery(text, ref, alias, result)

    def build(self) -> Dataquery:
        return self._query
