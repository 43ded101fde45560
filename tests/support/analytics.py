"""The analytics service of a test, behind a real server, with tokens for it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import httpx
from psycopg.conninfo import make_conninfo

from prelude_analytics.access import issue
from prelude_analytics.app import PREFIX, make_app
from prelude_analytics.live.protocol import OPTIONS
from prelude_analytics.settings import Settings
from prelude_store.connection import connect
from tests.support.postgres import ANALYTICS_LOGIN, CARE_LOGIN
from tests.support.uvicorn_server import running_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import APIRouter, FastAPI

    from prelude_analytics.access import Role
    from prelude_analytics.access.audit import Recorder
    from prelude_analytics.access.issue import Issued

__all__ = ["ADA", "BOB", "Analytics", "running_analytics", "token_for"]

ADA: Final = "ada@company.com"
BOB: Final = "bob@company.com"


@dataclass(frozen=True)
class Analytics:
    """A running service.

    Attributes:
        app: the application.
        url: where it listens, without a path.
        database: URL of its database, as superuser.
        client: asks the API without a credential; its addresses are those of contracts.md, like ``/activities``.
    """

    app: FastAPI
    url: str
    database: str
    client: httpx.Client

    def token(self, role: Role = "all", user: str | None = None, **given: Any) -> Issued:
        """A new token."""
        return token_for(self.database, role, user, **given)

    def revoke(self, token: Issued) -> None:
        """Take a token back."""
        with connect(self.database, "test-revoke") as connection:
            assert issue.revoke(connection, token.id)

    def forget_failures(self) -> None:
        """Let everybody try again, whatever they tried before."""
        access = self.app.state.access
        for buckets in (access._failures, access._guesses):
            buckets._levels.clear()

    @contextmanager
    def signed(self, role: Role = "all", user: str | None = None) -> Iterator[httpx.Client]:
        """A client that shows a new token with each request."""
        headers = {"authorization": f"Bearer {self.token(role, user).token}"}
        with httpx.Client(base_url=f"{self.url}{PREFIX}", headers=headers, trust_env=False, timeout=20) as client:
            yield client


def token_for(
    database: str,
    role: Role = "all",
    user: str | None = None,
    *,
    valid_for: timedelta | None = timedelta(hours=1),
    name: str | None = None,
) -> Issued:
    """A new token in `database`; whose it is has a default for ``self``."""
    owner = user or (ADA if role == "self" else None)
    with connect(database, "test-token") as connection:
        return issue.create(connection, role, user=owner, valid_for=valid_for, name=name)


@contextmanager
def running_analytics(
    database: str, recorder: Recorder | None = None, also: APIRouter | None = None, listen: int = 0, **settings: Any
) -> Iterator[Analytics]:
    """Serve `database`, under the rights that the service has in production.

    Args:
        database: URL, as superuser.
        recorder: told of what is read.
        also: routes of the test's own.
        listen: port; 0 takes a free one.
        settings: for `Settings`; without the keeper, which a test runs by itself where it needs one, and without warming up.
    """
    conninfo = make_conninfo(database, user=ANALYTICS_LOGIN)
    known = {"database_url": conninfo, "care_url": make_conninfo(database, user=CARE_LOGIN)}
    app = make_app(Settings(**{**known, "keeper": False, "retention_every": 0, "warm_up": False, **settings}), recorder)
    if also is not None:
        app.include_router(also, prefix=PREFIX)
    with (
        running_server(app, proxy_headers=False, port=listen, **OPTIONS) as url,
        httpx.Client(base_url=f"{url}{PREFIX}", trust_env=False, timeout=20) as client,
    ):
        yield Analytics(app, url, database, client)
