"""The page of a dossier: what is in it, and what it means. Plain HTML, no script, nothing from elsewhere."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from prelude_store.dossier.words import FIELDS, NOT_HERE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from prelude_store.dossier.archive import Written

__all__ = ["page"]

_STYLE: Final = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #8886}"
    "td.n{text-align:right;font-variant-numeric:tabular-nums}code{font-size:.9em;overflow-wrap:anywhere}"
)


def page(
    email: str,
    made_at: datetime,
    files: Sequence[Written],
    titles: Mapping[str, str],
    purposes: str,
    kept: Sequence[str],
) -> bytes:
    """``index.html``.

    Args:
        files: what the archive holds by now.
        titles: what each table is, by the name of its files.
        purposes: what the data are kept for.
        kept: for how long, a sentence each.
    """
    counts = {file.name: file.rows for file in files}
    rows = "".join(
        f"<tr><td>{escape(title)}</td><td class=n>{counts.get(f'{name}.ndjson') or 0:,}</td><td>{_links(name, counts)}</td></tr>"
        for name, title in titles.items()
    )
    fields = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(words)}</td></tr>" for name, words in FIELDS.items()
    )
    return f"""<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>What is held on {escape(email)}</title>
<style>{_STYLE}</style>
<h1>What is held on {escape(email)}</h1>
<p>Made on {made_at:%d %B %Y at %H:%M} UTC. Each table is here twice: as CSV for a spreadsheet, and as NDJSON (a line of JSON for each
row) for programs. In CSV a text that a spreadsheet would take for a formula has an apostrophe before it.
<a href="manifest.json">manifest.json</a> has the SHA-256 of each file.</p>
<h2>The tables</h2><table><tr><th>What<th>Rows<th>Files</tr>{rows}</table>
<h2>What it is kept for</h2><p>{escape(purposes)}</p>
<h2>How long it is kept</h2><ul>{"".join(f"<li>{escape(one)}</li>" for one in kept)}</ul>
<h2>What is not in here</h2><ul>{"".join(f"<li>{escape(one)}</li>" for one in NOT_HERE)}</ul>
<h2>What the fields mean</h2><table>{fields}</table>
</html>
""".encode()


def _links(name: str, counts: Mapping[str, int | None]) -> str:
    return " ".join(
        f'<a href="{name}.{kind}">{kind.upper()}</a>' for kind in ("csv", "ndjson") if f"{name}.{kind}" in counts
    )
