"""A person's browser: sends who they are and which session this is."""

from __future__ import annotations

from typing import Any

import click
import httpx

from prelude_demo_crm.visitor.people import Person


class Browser:
    """One session of one person.

    Args:
        client: the connection to the CRM, shared by all.
        person: whose browser it is.
        session_id: sent as ``X-Session-ID``.
        verbose: print each request with its answer.
    """

    def __init__(self, client: httpx.Client, person: Person, session_id: str, *, verbose: bool = False) -> None:
        self.person = person
        self._client = client
        self._verbose = verbose
        self._headers = {"User-Agent": person.user_agent, "X-Session-ID": session_id}

    def get(self, path: str, **params: Any) -> Any:
        """Read a page; its JSON."""
        return self._wanted("GET", path, params=params)

    def post(self, path: str, body: dict[str, Any] | None = None, **params: Any) -> Any:
        """Send a form; the JSON that comes back."""
        return self._wanted("POST", path, json=body, params=params)

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        """Change a thing; the JSON that comes back."""
        return self._wanted("PATCH", path, json=body)

    def delete(self, path: str) -> None:
        """Remove a thing."""
        self._wanted("DELETE", path)

    def attempt(self, method: str, path: str, *, signed_in: bool = True, **more: Any) -> None:
        """Try something that may well fail."""
        headers = self._headers | ({"X-User-Email": self.person.email} if signed_in else {})
        self._said(self._client.request(method, path, headers=headers, **more))

    def _wanted(self, method: str, path: str, **more: Any) -> Any:
        headers = self._headers | {"X-User-Email": self.person.email}
        answer = self._said(self._client.request(method, path, headers=headers, **more)).raise_for_status()
        return answer.json() if answer.content else None

    def _said(self, answer: httpx.Response) -> httpx.Response:
        if self._verbose:
            name = self.person.email.partition(".")[0]
            path = answer.request.url.raw_path.decode()
            click.echo(f"{name:<6} {answer.request.method:<6} {path} {answer.status_code}")
        return answer
