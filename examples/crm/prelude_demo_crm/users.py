"""Who is asking."""

from __future__ import annotations

from typing import Annotated

from fastapi import Cookie, Depends, Header, HTTPException, status

from prelude_otel import set_user


def current_user(
    x_user_email: Annotated[str | None, Header()] = None,
    user_email: Annotated[str | None, Cookie()] = None,
) -> str:
    """The user's address, told to the activity log as well.

    A real service reads its login here: a verified token or session, never a header that anybody can write.

    Raises:
        HTTPException: 401, nobody is signed in.
    """
    user = x_user_email or user_email
    if not user:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "Sign in: send your address as X-User-Email")
    set_user(user)
    return user


CurrentUser = Annotated[str, Depends(current_user)]
