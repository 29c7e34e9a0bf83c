"""One run at a time in a run folder: ``run.lock``, which outlives no run.

Two things are asked, because neither is enough everywhere:

* a lock of the operating system on the file. It ends with its process, however that ended, and is exact
  between processes of one machine and on shared file systems that pass locks on;
* what the file says: host, process and its start time, and its own time of change, which the owner renews every
  ten seconds. It decides where there are no such locks, and about owners on other hosts: one that has given no sign
  of life for a minute is taken for dead. Ages are read from the clock of the file system, not of this machine.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import threading
import time
import uuid
import weakref
from pathlib import Path

from ..errors import EnvironmentProblem
from .lock_owner import lives, myself, name_of, same_machine, same_processes

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

logger = logging.getLogger("paddleseg_lite")

NAME = "run.lock"
BEAT, PATIENCE = 10.0, 60.0  # seconds between two signs of life, and without one until an owner counts as dead
INTRODUCTION = 2.0  # seconds an owner may take to write its name after it has the lock
SETTLE = 1.0  # seconds in which another process that wants the same stale lock shows itself

_held: set[str] = set()  # by this process; the system's lock does not part its threads
_guard = threading.Lock()


class RunIsBusy(EnvironmentProblem):
    """Another process, or another thread of this one, trains in the folder."""


class RunLock:
    """The right to write into a run folder.

    ::

        with RunLock(folder):
            ...

    Args:
        folder: of the run; made where absent.
        name: of the lock file; locks of different names do not concern each other.

    Raises:
        RunIsBusy: on entry: a live run has it; the message names process and host.
        EnvironmentProblem: on entry: the folder cannot be written. From :meth:`check`: the lock was lost.
    """

    def __init__(self, folder: str | os.PathLike, name: str = NAME):
        self.folder = Path(folder)
        self.path = self.folder / name
        self._let_go = None

    @property
    def held(self) -> bool:
        """Whether this object has it."""
        return self._let_go is not None and self._let_go.alive

    def __enter__(self) -> RunLock:
        self.acquire()
        return self

    def __exit__(self, *exc) -> None:
        self.release()

    def acquire(self) -> None:
        """Take the lock, or raise; nothing is done where this object has it."""
        if self.held:
            return
        key = os.path.realpath(self.path)
        with _guard:
            if key in _held:
                raise RunIsBusy(self._busy("this process, in another thread or object"))
            _held.add(key)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file, self._token = self._take()
        except BaseException as e:
            _held.discard(key)
            if isinstance(e, OSError):
                raise EnvironmentProblem(
                    f"cannot write {self.path}: {e.strerror or e}. Choose a folder that you may write to, or free "
                    "some space."
                ) from e
            raise
        stop = threading.Event()
        self._let_go = weakref.finalize(self, _let_go, self._file, self._token, self.path, key, stop, os.getpid())
        threading.Thread(target=_beat, args=(self._file, stop), daemon=True, name="run lock").start()

    def release(self) -> None:
        """Give the lock back; the file goes with it."""
        if self._let_go is not None:
            self._let_go()

    def check(self) -> None:
        """Raise where another process has taken over because this one gave no sign of life (suspended, cut off)."""
        if self.held and _read(self._file).get("token") != self._token:
            raise EnvironmentProblem(
                f"another process has taken the run folder {self.folder} over, for this one was silent for more than "
                f"{PATIENCE:.0f} s (suspended, or cut off from the file system). Nothing more is written here."
            )

    def _take(self) -> tuple[int, str]:
        """The open file, now ours, and the token it holds."""
        while True:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            try:
                locked = _system_lock(file)
                owner = _read(file)
                if locked is False:
                    raise RunIsBusy(self._busy(name_of(owner or _introduced(file))))
                if not _still_there(file, self.path):  # its owner has just deleted it
                    os.close(file)
                    continue
                self._refuse_if_alive(file, owner, bool(locked))
                return file, self._sign(file, settle=not locked or (bool(owner) and not same_machine(owner)))
            except BaseException:
                with contextlib.suppress(OSError):
                    os.close(file)
                raise

    def _sign(self, file: int, *, settle: bool) -> str:
        """Write ourselves down as the owner; ``settle``: others may be doing the same, and the last one has it."""
        token = uuid.uuid4().hex
        try:
            _write(file, {**myself(), "token": token})
        except OSError:
            os.unlink(self.path)
            raise
        if settle:
            time.sleep(SETTLE)
            if _read(file).get("token") != token:
                raise RunIsBusy(self._busy(name_of(_read(file))))
        return token

    def _refuse_if_alive(self, file: int, owner: dict, locked: bool) -> None:
        """Judge an owner by what the file says of it."""
        if not owner:
            return
        if same_machine(owner) and (locked or same_processes(owner)):
            if not locked and lives(owner):
                raise RunIsBusy(self._busy(name_of(owner)))
        else:
            silent = _age(file, self.folder)
            if silent < PATIENCE:
                raise RunIsBusy(
                    self._busy(f"{name_of(owner)}, last sign of life {max(0.0, silent):.0f} s ago,")
                    + f" If that process is dead, wait {PATIENCE:.0f} s, or delete {self.path}."
                )
        logger.info("%s: left behind by %s, which has ended; taken over.", self.path, name_of(owner))

    def _busy(self, who: str) -> str:
        return (
            f"{who} is training in {self.folder}, and a run folder takes one run at a time. Wait for it, stop it, or "
            "choose another --save_dir."
        )


def refuse_busy(folder: str | os.PathLike) -> None:
    """Raise :class:`RunIsBusy` where a live process of this machine has the folder; nothing is taken or written.

    For the first moment of a tool: it need not load Paddle to be refused, as :meth:`RunLock.acquire` would do later.
    """
    owner = _owner(folder)
    if owner and same_machine(owner) and same_processes(owner) and lives(owner):
        raise RunIsBusy(RunLock(folder)._busy(name_of(owner)))


def owner_of(folder: str | os.PathLike, name: str = NAME) -> str:
    """Process and host that hold a folder, by their own account."""
    return name_of(_owner(folder, name))


def _owner(folder: str | os.PathLike, name: str = NAME) -> dict:
    """What the lock file of a folder says; ``{}`` where this process has it, which would lose it by closing."""
    path = Path(folder) / name
    if os.path.realpath(path) in _held:
        return {}
    try:
        file = os.open(path, os.O_RDONLY)
    except (OSError, ValueError):
        return {}
    try:
        return _read(file)
    finally:
        os.close(file)


# -- the file --------------------------------------------------------------------------------------


def _system_lock(file: int) -> bool | None:
    """Lock for this process, not for those it forks; None where the system or the file system has no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError as e:
        if e.errno in (errno.EACCES, errno.EAGAIN):
            return False
        return None  # ENOLCK, ENOTSUP, ENOSYS, EINVAL: a file system without them


def _still_there(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return False


def _read(file: int) -> dict:
    """What the owner wrote; ``{}`` where there is nothing, or nothing whole."""
    try:
        os.lseek(file, 0, os.SEEK_SET)
        content = json.loads(os.read(file, 4096).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _introduced(file: int) -> dict:
    """What an owner that has only just taken the lock writes; ``{}`` where it stays silent."""
    until = time.monotonic() + INTRODUCTION
    while not (owner := _read(file)) and time.monotonic() < until:
        time.sleep(0.02)
    return owner


def _write(file: int, content: dict) -> None:
    os.ftruncate(file, 0)
    os.lseek(file, 0, os.SEEK_SET)
    data = json.dumps(content).encode("utf-8")
    while data:
        data = data[os.write(file, data) :]


def _age(file: int, folder: Path) -> float:
    """Seconds since the file was touched, both times from the file system's clock."""
    probe = folder / f".clock-{uuid.uuid4().hex}"
    try:
        probe.touch()
        return probe.stat().st_mtime - os.fstat(file).st_mtime
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()


def _beat(file: int, stop: threading.Event) -> None:
    while not stop.wait(BEAT):
        with contextlib.suppress(OSError):  # a network that is away for a while
            os.utime(file)


def _let_go(file: int, token: str, path: Path, key: str, stop: threading.Event, process: int) -> None:
    if os.getpid() != process:  # a forked worker must not end its parent's lock
        return
    stop.set()
    with contextlib.suppress(OSError):
        if _read(file).get("token") == token and _still_there(file, path):
            if os.name == "nt":  # deletes no open file
                os.close(file)
            os.unlink(path)
    with contextlib.suppress(OSError):
        os.close(file)
    _held.discard(key)
