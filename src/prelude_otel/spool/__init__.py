"""Activities on disk between the handler and the receiver's yes: `Spool`."""

from prelude_otel.spool.spool import Spool

__all__ = ["Spool"]
