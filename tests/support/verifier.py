"""verify/prelude_verify.py as a module, for what is too much for one process a case."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

VERIFIER = Path(__file__).parents[2] / "verify" / "prelude_verify.py"


def load_verifier() -> Any:
    """The verifier, loaded from its file as it stands alone."""
    spec = importlib.util.spec_from_file_location("prelude_verify", VERIFIER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
