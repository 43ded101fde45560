"""The quarantine: what can't become a row is kept, with its reason and its bytes, once; looked at, replayed and purged later."""

from prelude_store.quarantine.keep import ROW_SIGNAL, insert, quarantined_row

__all__ = ["ROW_SIGNAL", "insert", "quarantined_row"]
