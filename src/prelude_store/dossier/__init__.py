"""All that is held on one person, as a zip that the person can read (GDPR, Articles 15 and 20)."""

from prelude_store.dossier.gather import Dossier, NothingHeldError, open_dossier

__all__ = ["Dossier", "NothingHeldError", "open_dossier"]
