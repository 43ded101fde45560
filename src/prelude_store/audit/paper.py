"""The style of a report that is a page: for the screen, and for paper with a header and numbers on each sheet. No script, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

__all__ = ["policy", "style"]

_STYLE: Final = """
:root{color-scheme:light;--ink:#16191d;--soft:#5a6470;--line:#d5dae0;--head:#f2f4f6;--bad:#a3260f;--good:#1c6b3c}
*{box-sizing:border-box}
body{font:14px/1.45 system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;color:var(--ink);background:#fff;margin:0 auto;max-width:88rem;padding:1.5rem}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .6rem}
h2{font-size:1.1rem;margin:1.8rem 0 .5rem;break-after:avoid}
dl.facts{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1.2rem;margin:0}
dl.facts dt{color:var(--soft)}dl.facts dd{margin:0;overflow-wrap:anywhere}
.seal{border-left:4px solid var(--good);background:#f0f6f2;padding:.6rem .9rem;margin:1.2rem 0;break-inside:avoid}
.seal.not{border-color:var(--bad);background:#fbf1ef}
.seal p{margin:.15rem 0}.seal code{font-size:.9em}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.28rem .5rem;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
thead th{color:var(--soft);font-weight:600;border-bottom:1.5px solid var(--ink);white-space:nowrap}
thead{display:table-header-group}tr{break-inside:avoid}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap;overflow-wrap:normal}
.when{font-variant-numeric:tabular-nums;white-space:nowrap}
.bad{color:var(--bad);font-weight:600}.soft,small{color:var(--soft)}
small{display:block;font-size:.85em}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.85em;overflow-wrap:anywhere}
tr>:first-child{padding-left:0}
tr.day th:first-child{padding-left:.5rem}
tr.day th{background:var(--head);border-bottom:1px solid var(--line);break-after:avoid}
table.trail{table-layout:fixed}
.trail .c1{width:7rem}.trail .c2{width:18%}.trail .c3{width:17%}.trail .c4{width:11%}.trail .c5{width:6rem}.trail .c6{width:14%}
b.k{font-weight:600;color:var(--soft)}
.end{margin-top:1.2rem;border-top:1.5px solid var(--ink);padding-top:.5rem}
@media print{body{font-size:8.2pt;line-height:1.35;max-width:none;padding:0}h1{font-size:17pt}h2{font-size:10.5pt;margin-top:12pt}th,td{padding:1.8pt 4pt}
.seal,tr>:first-child{padding-left:0}
tr.day th:first-child{padding-left:.5rem}
tr.day th{-webkit-print-color-adjust:exact;print-color-adjust:exact}.trail .c1{width:22mm}.trail .c5{width:20mm}}
@page{size:A4 landscape;margin:19mm 12mm 16mm;
@top-left{content:[left];font:8pt sans-serif;color:#5a6470;white-space:nowrap}
@top-right{content:[right];font:8pt sans-serif;color:#5a6470;white-space:nowrap}
@bottom-left{content:[foot];font:8pt sans-serif;color:#5a6470;white-space:nowrap}
@bottom-right{content:counter(page) " / " counter(pages);font:8pt sans-serif;color:#5a6470}}
"""
_LONGEST: Final = 90


def style(left: str, right: str, foot: str) -> str:
    """The style sheet.

    Args:
        left: above each sheet on the left, as `right` on the right.
        foot: below each sheet.
    """
    return _STYLE.replace("[left]", _text(left)).replace("[right]", _text(right)).replace("[foot]", _text(foot))


def policy(sheet: str) -> str:
    """What a browser lets the page do: nothing but use that style sheet."""
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _text(value: str) -> str:
    """A string of CSS, in which no character of a name means anything, not even to HTML; the space behind an escape belongs to it."""
    value = value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…"
    plain = (one if (one.isalnum() and one.isascii()) or one == " " else f"\\{ord(one):06x} " for one in value)
    return f'"{"".join(plain)}"'
