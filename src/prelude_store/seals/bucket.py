"""Checkpoints in an S3-compatible store: an object each, which nothing of ours ever writes over."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from prelude_otel.errors import ConfigurationError, MissingExtraError

if TYPE_CHECKING:
    from prelude_store.seals.notes import Checkpoint

__all__ = ["Bucket", "object_name"]

_ADDRESS: Final = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>[\w!.*'()/-]*))?")
_DIGITS: Final = 19
"""Of the largest number of leaves, so that names sort as sizes do."""
_ANSWER_WITHIN: Final = "10s"
_RETRY: Final[Any] = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_INSTANCE: Final = "169.254.169.254"
"""Where a machine of AWS learns its credentials, asked when there are no others."""
_CODE: Final = re.compile(r"<Code>(\w+)</Code>")
_STATUS: Final = re.compile(r"status code: (\d{3})")
_KIND: Final = re.compile(r"kind: (\w+)")


class Bucket:
    """A bucket, and what names begin with in it. Who may write to it is told by AWS' own environment variables.

    Args:
        address: ``s3://bucket/prefix``.

    Raises:
        ConfigurationError: it is no address of a bucket.
        MissingExtraError: the extra ``s3`` is not installed.
    """

    def __init__(self, address: str) -> None:
        found = _ADDRESS.fullmatch(address)
        if found is None:
            shown = address if "@" not in address and "?" not in address else "what was given"  # a secret may be in it
            raise ConfigurationError(
                f"{shown} is no bucket for checkpoints; one looks like s3://bucket/prefix, and credentials stand in AWS_ACCESS_KEY_ID"
                " and AWS_SECRET_ACCESS_KEY"
            )
        try:
            from obstore.store import S3Store
        except ModuleNotFoundError as error:
            raise MissingExtraError("a bucket for checkpoints", "s3", error.name or "obstore") from None
        prefix = (found["prefix"] or "").strip("/")
        endpoint = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), "")
        self._store = S3Store(
            found["bucket"],
            prefix=prefix or None,
            # S3 takes nothing without a checksum where a bucket has Object Lock.
            config={"checksum_algorithm": "SHA256"},
            client_options={"timeout": _ANSWER_WITHIN, "allow_http": endpoint.startswith("http://")},
            retry_config=_RETRY,
        )

    def put(self, checkpoint: Checkpoint) -> None:
        """Add `checkpoint`, as its signed note. That it is there already, from a try whose answer was lost, is as good.

        Raises:
            OSError: it did not get there; why, without what the store says of the request, which may hold secrets.
        """
        from obstore.exceptions import AlreadyExistsError, BaseError

        name, note = object_name(checkpoint.origin, checkpoint.size), checkpoint.note.encode()
        try:
            try:
                self._store.put(name, note, mode="create", attributes={"Content-Type": "text/plain; charset=utf-8"})
            except AlreadyExistsError:
                if bytes(self._store.get(name).bytes()) != note:
                    raise OSError(f"there is another object {name} already; it is left as it is") from None
        except (BaseError, FileNotFoundError, PermissionError) as error:
            raise OSError(_why(str(error))) from None

    def newest(self, origin: str, after: int) -> int | None:
        """How many leaves the newest checkpoint there covers, of those with more than `after`; None: there is none.

        Raises:
            OSError: the list can't be had.
        """
        from obstore.exceptions import BaseError

        try:
            names = [
                one["path"]
                for part in self._store.list(_folder(origin), offset=object_name(origin, after))
                for one in part
            ]
        except (BaseError, FileNotFoundError, PermissionError) as error:
            raise OSError(_why(str(error))) from None
        sizes = [int(found[1]) for found in (re.search(r"/(\d+)\.note$", name) for name in names) if found]
        return max(sizes, default=None)


def object_name(origin: str, size: int) -> str:
    """Below the prefix: a folder for the log, and in it names in the order of sizes."""
    return f"{_folder(origin)}/{size:0{_DIGITS}d}.note"


def _folder(origin: str) -> str:
    """The name of the log, as a part of a path."""
    return re.sub(r"[^\w.-]|^\.+", "-", origin, flags=re.ASCII)


def _why(said: str) -> str:
    status, code, kind = _STATUS.search(said), _CODE.search(said), _KIND.search(said)
    if _INSTANCE in said:
        return "there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role"
    if status:
        return f"it answered {status[1]}" + (f" {code[1]}" if code else "")
    return f"it does not answer ({kind[1]})" if kind else "it does not answer"
