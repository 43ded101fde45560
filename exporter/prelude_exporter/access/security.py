"""What guards the ports: certificates, tokens, and the refusal to be open to a network without them."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prelude_otel.errors import ConfigurationError

if TYPE_CHECKING:
    from prelude_exporter.access.gate import Gate
    from prelude_exporter.access.tls import Certificates

__all__ = ["Security"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """How senders are known, and how the way to them is kept private.

    Args:
        tls_cert: the server's certificate, PEM, with its intermediates.
        tls_key: its key.
        tls_client_ca: authority of client certificates, PEM; each sender must show one.
        tokens: the file of credentials (`prelude_exporter.access.tokens`).
        allow_unauthenticated: listen beyond this machine though nobody is asked who they are.
        allow_cleartext: listen beyond this machine though tokens and data travel in the clear.

    Raises:
        ConfigurationError: one is given without what it needs.
    """

    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    tokens: Path | None = None
    allow_unauthenticated: bool = False
    allow_cleartext: bool = False

    def __post_init__(self) -> None:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ConfigurationError("a certificate and its key go together: give --tls-cert and --tls-key")
        if self.tls_client_ca is not None and self.tls_cert is None:
            raise ConfigurationError(
                "--tls-client-ca asks for client certificates, so it needs --tls-cert and --tls-key"
            )

    def check(self, beyond: list[str]) -> None:
        """Whether the exporter may listen on the addresses `beyond` this machine.

        Raises:
            ConfigurationError: it may not; says what would make it so.
        """
        if not beyond:
            return
        where = " and ".join(beyond)
        if self.tokens is None and self.tls_client_ca is None:
            if not self.allow_unauthenticated:
                raise ConfigurationError(
                    f"{where} can be reached from other machines, and anybody there could write as anybody; give --tokens or "
                    "--tls-client-ca (docs/secure-the-wire.md), listen on 127.0.0.1, or, in a network that you trust, say "
                    "--allow-unauthenticated"
                )
        elif self.tls_cert is None and not self.allow_cleartext:
            raise ConfigurationError(
                f"{where} can be reached from other machines, and tokens would travel there in the clear; give --tls-cert and "
                "--tls-key, or, where a proxy or a mesh encrypts, say --allow-cleartext"
            )

    def certificates(self) -> Certificates | None:
        """For TLS; None without."""
        from prelude_exporter.access.tls import Certificates

        if self.tls_cert is None or self.tls_key is None:
            return None
        return Certificates(self.tls_cert, self.tls_key, self.tls_client_ca)

    def gate(self) -> Gate:
        """Who asks senders who they are."""
        from prelude_exporter.access.gate import Gate
        from prelude_exporter.access.tokens import read_credentials
        from prelude_exporter.access.watched import Watched

        certificates = self.tls_client_ca is not None
        path = self.tokens
        if path is None:
            return Gate(certificates=certificates)
        return Gate(
            Watched([path], lambda: read_credentials(path, certificates=certificates)), certificates=certificates
        )

    def worries(self) -> list[str]:
        """What is allowed and should not stay so."""
        if self.tls_key is not None and self.tls_key.exists() and self.tls_key.stat().st_mode & stat.S_IROTH:
            return [f"everybody on this machine can read the key {self.tls_key}: chmod o-r {self.tls_key}"]
        return []
