"""Checkpoints that leave the house: to a file, to a webhook, to a bucket. What nobody who may change the database can change is what seals stand on."""

from __future__ import annotations

import base64
import json
import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from prelude_otel.errors import ConfigurationError
from prelude_store.seals.bucket import Bucket
from prelude_store.seals.notes import Checkpoint, NoteError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["BUCKET", "CHECKPOINT_FILE", "WEBHOOK", "Outlet", "line_of", "read_checkpoints"]

CHECKPOINT_FILE: Final = "PRELUDE_SEAL_CHECKPOINT_FILE"
WEBHOOK: Final = "PRELUDE_SEAL_WEBHOOK"
BUCKET: Final = "PRELUDE_SEAL_BUCKET"
"""Environment variables: where checkpoints go."""

_SECONDS: Final = 10.0
"""Between checkpoints that go out, so that a busy day is a few megabytes."""
_AGAIN: Final = 30.0
"""Until what did not get out is tried again, where nothing newer comes."""
_ANSWER_WITHIN: Final = 10.0
_TRIES: Final = 4
_log = logging.getLogger(__name__)


def line_of(checkpoint: Checkpoint) -> str:
    """As a line of JSON; ``note`` is all that a verifier needs, the rest is for readers."""
    root = base64.b64encode(checkpoint.root).decode()
    return json.dumps({"origin": checkpoint.origin, "size": checkpoint.size, "root": root, "note": checkpoint.note})


def read_checkpoints(path: Path) -> list[Checkpoint]:
    """Checkpoints in a file: lines as `line_of` writes them, or one signed note as it is; or in all files of a folder, by their names.

    Raises:
        ConfigurationError: the file can't be read, or holds none.
        NoteError: something in it is no checkpoint; which file and line.
    """
    if not path.is_dir():
        return _in_file(path)
    # What begins with a dot is of whoever copied them there.
    files = [one for one in sorted(path.rglob("*")) if one.is_file() and not one.name.startswith(".")]
    if not files:
        raise ConfigurationError(f"there is no file in {path}; there should be checkpoints in it")
    return [checkpoint for file in files for checkpoint in _in_file(file)]


def _in_file(path: Path) -> list[Checkpoint]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the checkpoints in {path} can't be read: {error}") from None
    if not text.strip():
        raise ConfigurationError(f"{path} is empty; there should be a checkpoint in it")
    if not text.lstrip().startswith("{"):
        try:
            return [Checkpoint.parse(text)]
        except NoteError as error:
            raise NoteError(f"{path}: {error}") from None
    found: list[Checkpoint] = []
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append(Checkpoint.parse(json.loads(line)["note"]))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            if number == len(lines) and found and not text.endswith("\n"):
                break  # the writer was cut off in the middle of its last line
            raise NoteError(f"line {number} of {path} is no checkpoint: {error!r}") from None
        except NoteError as error:
            raise NoteError(f"line {number} of {path}: {error}") from None
    return found


def _ends_with(path: Path, line: bytes) -> bool:
    """False also of what can't be read, such as a pipe."""
    try:
        with path.open("rb") as file:
            file.seek(-len(line), os.SEEK_END)
            return file.read() == line
    except OSError:
        return False


class Outlet:
    """Sends checkpoints out from a thread of its own: always the newest, at most one in ten seconds, and the last one at its end.

    What can't be delivered is tried again until it is, or a newer one is: each checkpoint covers all before it.

    Args:
        file: a line each is added to it.
        webhook: a URL that is POSTed the note as ``text/plain``; anything but a status of 2xx is a failure.
        bucket: ``s3://bucket/prefix``, to which the note is added as an object.
        seconds: between two at least.

    Attributes:
        sent: deliveries.
        failures: deliveries that were given up for now.
        owed_since: since when (`time.monotonic`) the newest checkpoint has not got out by each way; None when it has.

    Raises:
        ConfigurationError: the file can't be written, or an address is none.
        MissingExtraError: there is a bucket, and the extra ``s3`` is not installed.
    """

    def __init__(
        self,
        file: Path | None = None,
        webhook: str | None = None,
        bucket: str | None = None,
        *,
        seconds: float = _SECONDS,
    ) -> None:
        self._file = file
        self._webhook = webhook
        self._bucket = Bucket(bucket) if bucket else None
        self._seconds = seconds
        self._next: Checkpoint | None = None
        self._owed: dict[str, Checkpoint] = {}
        self._changed = threading.Condition()
        self._ending = False
        self.sent = 0
        self.failures = 0
        self.owed_since: float | None = None
        if webhook is not None and not webhook.startswith(("https://", "http://")):
            raise ConfigurationError(f"{webhook!r} is no address to send checkpoints to; one begins with https://")
        if file is not None:
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                with file.open("a", encoding="utf-8"):
                    pass
            except OSError as error:
                raise ConfigurationError(f"checkpoints can't be written to {file}: {error}") from None

    def tell(self, checkpoint: Checkpoint) -> None:
        """Take a checkpoint; never waits."""
        with self._changed:
            self._next = checkpoint
            self._changed.notify()

    def run(self, stop: threading.Event) -> None:
        """Deliver until `end`; `stop` ends what is waited for between tries."""
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._next is not None or self._ending, timeout=_AGAIN if self._owed else None
                )
                checkpoint, self._next = self._next, None
                ending = self._ending
            if checkpoint is not None:
                self._owed = dict.fromkeys(self._ways(), checkpoint)
            self._deliver(stop)
            if ending:
                return
            if not self._ending:
                stop.wait(self._seconds)

    def end(self) -> None:
        """Deliver what is there, and let `run` return."""
        with self._changed:
            self._ending = True
            self._changed.notify()

    def _ways(self) -> dict[str, Callable[[Checkpoint, threading.Event], None]]:
        found: dict[str, Callable[[Checkpoint, threading.Event], None]] = {}
        if self._file is not None:
            found["file"] = self._write
        if self._webhook is not None:
            found["webhook"] = self._post
        if self._bucket is not None:
            found["bucket"] = self._put
        return found

    def _deliver(self, stop: threading.Event) -> None:
        for what, way in self._ways().items():
            checkpoint = self._owed.get(what)
            if checkpoint is None:
                continue
            try:
                way(checkpoint, stop)
            except Exception as error:  # noqa: BLE001 (whatever it is, sealing goes on)
                self.failures += 1
                _log.warning("the checkpoint of %d leaves did not get out by %s: %s", checkpoint.size, what, error)
            else:
                self.sent += 1
                del self._owed[what]
        if not self._owed:
            self.owed_since = None
        elif self.owed_since is None:
            self.owed_since = time.monotonic()

    def _write(self, checkpoint: Checkpoint, _stop: threading.Event) -> None:
        assert self._file is not None  # noqa: S101 (one of the ways)
        line = f"{line_of(checkpoint)}\n".encode()
        if _ends_with(self._file, line):  # who starts again tells the newest again
            return
        with self._file.open("ab") as file:
            file.write(line)

    def _put(self, checkpoint: Checkpoint, _stop: threading.Event) -> None:
        assert self._bucket is not None  # noqa: S101 (one of the ways)
        self._bucket.put(checkpoint)

    def _post(self, checkpoint: Checkpoint, stop: threading.Event) -> None:
        import urllib3

        trouble: str | None = None
        with urllib3.PoolManager(retries=False, timeout=_ANSWER_WITHIN) as pool:
            for attempt in range(_TRIES):
                trouble = self._try(pool, checkpoint)
                if trouble is None:
                    return
                if attempt < _TRIES - 1 and stop.wait(0.5 * 4**attempt):
                    break
        raise OSError(trouble)

    def _try(self, pool: Any, checkpoint: Checkpoint) -> str | None:
        import urllib3

        headers = {"Content-Type": "text/plain; charset=utf-8", "User-Agent": "prelude-otel"}
        try:
            answer = pool.request("POST", self._webhook, body=checkpoint.note.encode(), headers=headers, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            return f"{type(error).__name__}"
        return None if 200 <= answer.status < 300 else f"it answered {answer.status}"  # noqa: PLR2004 (success, by RFC 9110)
