"""TLS on both ports, with certificates that may be replaced while the exporter runs."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from prelude_exporter.access.watched import Watched
from prelude_otel.errors import ConfigurationError

__all__ = ["Certificates", "names_in_grpc", "names_in_ssl"]

_KINDS = ("DNS", "URI", "email", "IP Address")


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The files once read: for HTTP, and for gRPC."""

    context: ssl.SSLContext
    configuration: Any


class Certificates:
    """The server's certificate, and the authority of its clients' where they must show one.

    Args:
        certificate: PEM, with the intermediates.
        key: PEM, without a passphrase.
        client_ca: PEM; a client without a certificate of it is refused.

    Raises:
        ConfigurationError: a file can't be used.
    """

    def __init__(self, certificate: Path, key: Path, client_ca: Path | None) -> None:
        self._files = certificate, key, client_ca
        self._watched = Watched([path for path in self._files if path is not None], self._load)

    def for_http(self) -> ssl.SSLContext:
        """A context that hands each connection to the one of the newest files.

        A client certificate is asked for and verified, but not demanded: ``/healthz`` is for those who have none.
        """
        front = self._context()

        def newest(connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _front: ssl.SSLContext) -> None:
            connection.context = self._watched.current().context

        front.sni_callback = newest
        return front

    def for_grpc(self) -> Any:
        """Server credentials that ask for the newest files at each connection."""
        given = self._watched.current().configuration

        def newest() -> Any:
            nonlocal given
            now = self._watched.current().configuration
            if now is given:
                return None
            given = now
            return now

        return grpc.dynamic_ssl_server_credentials(
            given, newest, require_client_authentication=self._files[2] is not None
        )

    def _load(self) -> _Loaded:
        certificate, key, client_ca = self._files
        context = self._context()  # before gRPC, which would find a mistake only when somebody connects
        return _Loaded(
            context,
            grpc.ssl_server_certificate_configuration(
                [(key.read_bytes(), certificate.read_bytes())],
                root_certificates=client_ca.read_bytes() if client_ca else None,
            ),
        )

    def _context(self) -> ssl.SSLContext:
        certificate, key, client_ca = self._files
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(certificate, key, password=lambda: "")  # never asks at the terminal
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"the certificate {certificate} and the key {key} can't be used: {_said(error)}; they must be PEM, belong together, "
                "be readable, and the key have no passphrase"
            ) from error
        if client_ca is not None:
            try:
                context.load_verify_locations(client_ca)
            except (OSError, ssl.SSLError) as error:
                raise ConfigurationError(
                    f"the authority of client certificates {client_ca} can't be used: {_said(error)}; it must be PEM and readable"
                ) from error
            context.verify_mode = ssl.CERT_OPTIONAL
        return context


def _said(error: OSError) -> str:
    return str(error.strerror or getattr(error, "reason", None) or type(error).__name__)


def names_in_ssl(certificate: dict[str, Any] | None) -> tuple[str, ...]:
    """The names in a verified client certificate, as `ssl` describes it: alternative names, else the common name."""
    if not certificate:
        return ()
    names = tuple(name for kind, name in certificate.get("subjectAltName", ()) if kind in _KINDS)
    common = tuple(value for part in certificate.get("subject", ()) for key, value in part if key == "commonName")
    return names or common


def names_in_grpc(context: dict[str, list[bytes]]) -> tuple[str, ...]:
    """The same from gRPC's authentication context."""
    found = context.get("x509_subject_alternative_name") or context.get("x509_common_name") or []
    return tuple(bytes(name).decode("utf-8", "replace") for name in found)
