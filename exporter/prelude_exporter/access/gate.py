"""Who may come in: a request's credential becomes its `Sender`, or a refusal that says nothing about which part was wrong."""

from __future__ import annotations

from typing import Final

from prelude_exporter.access.tokens import PREFIX, Credential, Credentials
from prelude_exporter.access.watched import Watched
from prelude_exporter.errors import NotNowError
from prelude_exporter.sender import Sender
from prelude_otel.errors import PreludeError

__all__ = ["Gate", "StaleCredentialError", "UnauthenticatedError"]

_NEEDED: Final = "a valid credential is needed"


class UnauthenticatedError(PreludeError):
    """No credential, or none that could ever have been given out; sending again will not help."""


class StaleCredentialError(NotNowError):
    """A credential that was given out, and is not valid now: its sender keeps its data until its operator has put that right.

    Final refusals make the Collector throw data away, and a rotation in the wrong order would cost all that is sent meanwhile.
    """


class Gate:
    """Asks every request who it is.

    Args:
        credentials: the tokens file; None where there is none.
        certificates: whether senders must show a client certificate of our authority. Without a file each of these may speak for all.
    """

    def __init__(self, credentials: Watched[Credentials] | None = None, *, certificates: bool = False) -> None:
        self._credentials = credentials
        self._certificates = certificates

    @property
    def open(self) -> bool:
        """Whether nobody is asked."""
        return self._credentials is None and not self._certificates

    def sender(self, address: str, authorization: str | None, names: tuple[str, ...] = ()) -> Sender:
        """Whose request it is.

        Args:
            authorization: the header of that name.
            names: of the client certificate that was verified.

        Raises:
            UnauthenticatedError: nobody's that we know.
            StaleCredentialError: somebody's who has to wait until their credential is in force.
        """
        if self.open:
            return Sender(address)
        if self._credentials is None:
            if names:
                return Sender(address, names[0])
            raise UnauthenticatedError(_NEEDED)
        credentials = self._credentials.current()
        if authorization is not None:
            scheme, _, token = authorization.strip().partition(" ")
            token = token.strip() if scheme.lower() == "bearer" else ""
            return self._let_in(address, credentials.of_token(token), given_out=token.startswith(PREFIX))
        if names:
            return self._let_in(address, credentials.of_certificate(names), given_out=True)
        raise UnauthenticatedError(_NEEDED)

    def _let_in(self, address: str, credential: Credential | None, *, given_out: bool) -> Sender:
        if credential is not None and not credential.expired:
            return Sender(address, credential.name, credential.services)
        if credential is None and not given_out:
            raise UnauthenticatedError(_NEEDED)
        raise StaleCredentialError("this credential is not in force; keep what you have until it is")
