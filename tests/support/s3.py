"""A store that speaks enough of S3 for one object at a time: PUT, GET and the list of a bucket, by path.

It lets in who signs (AWS Signature Version 4, checked with botocore, which the client does not use), keeps what the signature and the
checksum are of, refuses to put over what is there, and wants a checksum, as S3 does where a bucket has Object Lock.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

__all__ = ["ACCESS_KEY", "SECRET_KEY", "SESSION_TOKEN", "Store", "running_s3"]

ACCESS_KEY = "AKIAPRELUDETEST"
SECRET_KEY = "a-secret-of-the-test/with+signs"
SESSION_TOKEN = "a-session-token-of-the-test"
_REGION = "eu-west-3"


class Store:
    """What a bucket holds, and how the store is disposed.

    Attributes:
        objects: by bucket and key, with the headers that they came with.
        answers: codes of errors with which it answers the next requests instead.
        readable: whether objects may be got.
        refused: codes of errors that it has answered.
    """

    def __init__(self) -> None:
        self.url = ""
        self.objects: dict[str, tuple[bytes, dict[str, str]]] = {}
        self.answers: list[str] = []
        self.readable = True
        self.refused: list[str] = []

    @property
    def environment(self) -> dict[str, str]:
        """What a client is told by its environment."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_SESSION_TOKEN": SESSION_TOKEN,
            "AWS_REGION": _REGION,
        }


_STATUS = {
    "SignatureDoesNotMatch": 403,
    "AccessDenied": 403,
    "NoSuchBucket": 404,
    "NoSuchKey": 404,
    "PreconditionFailed": 412,
    "InvalidRequest": 400,
    "BadDigest": 400,
    "ServiceUnavailable": 503,
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store: Store

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        key = self._admitted(body)
        if key is None:
            return
        checksum = self.headers.get("x-amz-checksum-sha256")
        if checksum is None:
            self._refuse("InvalidRequest", "Object Lock wants a checksum")
        elif base64.b64decode(checksum) != hashlib.sha256(body).digest():
            self._refuse("BadDigest", "the checksum is of something else")
        elif self.headers.get("If-None-Match") == "*" and key in self.store.objects:
            self._refuse("PreconditionFailed", "there is one already")
        else:
            self.store.objects[key] = (body, {name.lower(): value for name, value in self.headers.items()})
            self._answer(200, b"", {"ETag": f'"{hashlib.md5(body).hexdigest()}"'})

    def do_GET(self) -> None:
        key = self._admitted(b"")
        if key is None:
            return
        query = parse_qs(urlsplit(self.path).query)
        if "list-type" in query:
            self._list(key, query)
        elif not self.store.readable:
            self._refuse("AccessDenied", "nobody may read here")
        elif key not in self.store.objects:
            self._refuse("NoSuchKey", "there is none")
        else:
            body, _ = self.store.objects[key]
            headers = {
                "ETag": f'"{hashlib.md5(body).hexdigest()}"',
                "Last-Modified": "Tue, 01 Dec 2026 00:00:00 GMT",
                "Content-Type": "text/plain",
            }
            self._answer(200, body, headers)

    def _list(self, bucket: str, query: dict[str, list[str]]) -> None:
        begins = f"{bucket.rstrip('/')}/"
        after, prefix = (query.get(name, [""])[0] for name in ("start-after", "prefix"))
        keys = sorted(key.removeprefix(begins) for key in self.store.objects if key.startswith(begins + prefix))
        contents = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-12-01T00:00:00.000Z</LastModified><ETag>e</ETag>"
            f"<Size>{len(self.store.objects[begins + key][0])}</Size></Contents>"
            for key in keys
            if key > after
        )
        self._answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>".encode())

    def _admitted(self, body: bytes) -> str | None:
        """Bucket and key; None: refused."""
        if self.store.answers:
            self._refuse(self.store.answers.pop(0), "as the test wants it")
            return None
        canonical = self._canonical_of_right_signature(body)
        if canonical:
            self._refuse("SignatureDoesNotMatch", f"</Message><CanonicalRequest>{escape(canonical)}</CanonicalRequest>")
            return None
        return unquote(urlsplit(self.path).path).removeprefix("/")

    def _canonical_of_right_signature(self, body: bytes) -> str:
        """Empty where the request is signed as it should be, and is what it was when it was signed."""
        parts = dict(
            part.strip().split("=", 1)
            for part in self.headers.get("Authorization", "").removeprefix("AWS4-HMAC-SHA256 ").split(",")
            if "=" in part
        )
        signed = parts.get("SignedHeaders", "").split(";")
        request = AWSRequest(
            self.command,
            f"http://{self.headers['Host']}{self.path}",
            headers={name: self.headers[name] for name in signed if name in self.headers},
            data=body,
        )
        request.context["timestamp"] = self.headers.get("x-amz-date", "")
        auth = S3SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY, SESSION_TOKEN), "s3", _REGION)
        canonical: str = auth.canonical_request(request)
        expected = auth.signature(auth.string_to_sign(request, canonical), request)
        right = (
            hmac.compare_digest(expected, parts.get("Signature", ""))
            and parts.get("Credential", "").startswith(f"{ACCESS_KEY}/")
            and self.headers.get("x-amz-security-token") == SESSION_TOKEN
            and self.headers.get("x-amz-content-sha256") == hashlib.sha256(body).hexdigest()
            # What S3 demands: all of its own headers are under the signature.
            and all(name.lower() in signed for name in self.headers if name.lower().startswith("x-amz-"))
        )
        return "" if right else f"{canonical}\nx-amz-security-token:{self.headers.get('x-amz-security-token')}"

    def _refuse(self, code: str, message: str) -> None:
        self.store.refused.append(code)
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        self._answer(_STATUS[code], body.encode(), {"Content-Type": "application/xml"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its name there)
        pass


@contextmanager
def running_s3() -> Iterator[Store]:
    """A store on a free port of this machine."""
    store = Store()
    handler = type("Handler", (_Handler,), {"store": store})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    store.url = f"http://127.0.0.1:{server.server_port}"
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    serving.start()
    try:
        yield store
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
