"""`python -m prelude_cli` is `prelude`; `prelude up` starts its parts so, whatever the PATH holds."""

from __future__ import annotations

from prelude_cli.main import main

if __name__ == "__main__":
    main()
