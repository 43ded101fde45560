"""The catalogue: what each activity is called, which entity it is about, and which fields it may carry.

Emitter and exporter apply the same catalogue with the same pure functions, since an emitter of another make has none.
"""

from prelude_otel.catalogue.conform import Conformed, conform
from prelude_otel.catalogue.load import builtin, load
from prelude_otel.catalogue.model import Activity, Field
from prelude_otel.catalogue.page import page_url
from prelude_otel.catalogue.registry import Catalogue

__all__ = ["Activity", "Catalogue", "Conformed", "Field", "builtin", "conform", "load", "page_url"]
