"""What `prelude up` was asked to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from prelude_cli.up.past import Past

__all__ = ["PORTS", "PortFlag", "Settings"]


@dataclass(frozen=True)
class PortFlag:
    """A port that can be set: its key in `Settings.ports`, its default, and what listens there."""

    key: str
    default: int
    what: str

    @property
    def flag(self) -> str:
        """The option of the command, e.g. ``--exporter-http-port``."""
        return f"--{self.key.replace('_', '-')}-port"

    @property
    def variable(self) -> str:
        """The environment variable, e.g. ``PRELUDE_EXPORTER_HTTP_PORT``."""
        return f"PRELUDE_{self.key.upper()}_PORT"


PORTS: Final = (
    PortFlag("collector_grpc", 4317, "Collector, OTLP/gRPC"),
    PortFlag("collector_http", 4318, "Collector, OTLP/HTTP"),
    PortFlag("collector_health", 13133, "Collector, health check"),
    PortFlag("collector_metrics", 8888, "Collector, its own metrics"),
    PortFlag("exporter_grpc", 4327, "exporter, OTLP/gRPC"),
    PortFlag("exporter_http", 4328, "exporter, OTLP/HTTP and health"),
    PortFlag("analytics", 8005, "analytics"),
    PortFlag("crm", 8010, "demo CRM"),
)


@dataclass(frozen=True)
class Settings:
    """All choices of one run.

    Attributes:
        data: the folder that holds all that this run keeps.
        ports: by the keys of `PORTS`; each is a real port (0 has been replaced).
        database: the environment variables that lead to an existing database; None for the embedded one.
        collector: the Collector's program; None to send straight to the exporter.
        collector_config: its file of settings.
        demo: whether the demo CRM and its visitor run.
        past: what a demo still has to make up of the last days.
        rows: stop after this many rows; None never.
        logging: the variables that say how our own parts log.
    """

    data: Path
    ports: dict[str, int]
    database: dict[str, str] | None
    collector: Path | None
    collector_config: Path
    demo: bool
    rows: int | None
    past: Past | None = None
    logging: dict[str, str] = field(default_factory=dict)

    @property
    def logs(self) -> Path:
        """The folder of the parts' logs."""
        return self.data / "logs"

    @property
    def endpoint(self) -> str:
        """Where services send: the Collector's OTLP/HTTP port, or the exporter's."""
        return self.at("collector_http" if self.collector else "exporter_http")

    def at(self, key: str) -> str:
        """The HTTP address of a port on this machine."""
        return f"http://127.0.0.1:{self.ports[key]}"

    def uses(self, key: str) -> bool:
        """Whether anything listens on this port in this run."""
        if key == "crm":
            return self.demo
        return self.collector is not None or not key.startswith("collector_")
