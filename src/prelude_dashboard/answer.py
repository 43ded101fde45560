"""How pages are sent: what a browser may load and do with them, compressed, and not again where nothing changed."""

from __future__ import annotations

import gzip
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from starlette.responses import RedirectResponse, Response

if TYPE_CHECKING:
    from starlette.datastructures import Headers
    from starlette.types import Scope

__all__ = ["SECURITY", "asked_for", "page", "redirect", "same_place"]

SECURITY: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types prelude"
    ),
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # With no-referrer a browser would not say from which origin a form comes.
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
}
_NOT_MODIFIED: Final = 304


def page(html: str, headers: Headers, status: int = 200, also: dict[str, str] | None = None) -> Response:
    """A page as an answer to a request with `headers`."""
    content = html.encode("utf-8", "backslashreplace")
    tag = f'"{blake2b(content, digest_size=9).hexdigest()}"'
    given = (
        SECURITY | {"cache-control": "private, no-cache", "etag": tag, "vary": "accept-encoding, cookie"} | (also or {})
    )
    if status == 200 and headers.get("if-none-match") == tag:  # noqa: PLR2004
        return Response(status_code=_NOT_MODIFIED, headers=given)
    if "gzip" in headers.get("accept-encoding", ""):
        content = gzip.compress(content, 5, mtime=0)
        given["content-encoding"] = "gzip"
    return Response(content, status, given, "text/html; charset=utf-8")


def redirect(to: str, also: dict[str, str] | None = None) -> Response:
    """Go and GET another page."""
    return RedirectResponse(to, 303, SECURITY | {"cache-control": "no-store"} | (also or {}))


def same_place(wanted: str, root: str) -> str:
    """`wanted` where it is an address of a page of ours, else the first page: nobody is led elsewhere."""
    fine = wanted == root or wanted.startswith((f"{root}/", f"{root}?"))
    return wanted if fine and "\\" not in wanted and wanted.isprintable() else root


def asked_for(scope: Scope) -> str:
    """Path and query of a request."""
    query = scope["query_string"].decode("latin-1")
    return f"{scope['path']}?{query}" if query else str(scope["path"])
