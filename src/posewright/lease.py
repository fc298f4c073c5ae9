"""A lease on a folder of unfinished work: of several copies of one job only one does the work.

The lease is a file made with O_EXCL that names its holder and is touched by a thread while the work goes on. A lease is
free again when it was released, when its holder is known to be dead (its process, on the same machine, or an earlier
run of the same Slurm job), or when nobody has touched it for long. Times are compared as the file system tells them, so
the clocks of two machines may differ. A job of the workflow under Slurm that finds another one at work gives its place
back and waits in the queue for the other's end; everything else waits where it is.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from posewright.deadline import go_on_later
from posewright.processes import is_running

STALE_VARIABLE = "POSEWRIGHT_LEASE_STALE_S"  #: environment variable: seconds after which an untouched lease is free
STALE_S = 300.0
_BEATS = 10  #: touches in the time after which a lease is stale


class Lease:
    """One holder's claim on a folder.

    Args:
        path: the lease file; its folder is made.
        on_loss: called from the heartbeat's thread when another process has taken the lease, which can only be when
            this one was held up for longer than the stale time; it should make the work end.
        stale_s: seconds after which an untouched lease is free; by default from the environment, else five minutes.
    """

    def __init__(self, path: Path, on_loss: Callable[[], None], stale_s: float | None = None) -> None:
        self._path = path
        self._on_loss = on_loss
        self._stale_s = float(os.environ.get(STALE_VARIABLE, STALE_S)) if stale_s is None else stale_s
        self._token = uuid.uuid4().hex
        self._done = threading.Event()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lease, hold it, release it."""
        self._wait()
        beating = threading.Thread(target=self._beat, name="lease", daemon=True)
        beating.start()
        try:
            yield
        finally:
            self._done.set()
            beating.join()
            if _token(self._path) == self._token:
                self._path.unlink(missing_ok=True)

    def _wait(self) -> None:
        """Return once this process holds the lease; say once who else does."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        said = False
        while not self._taken():
            found = _read(self._path)
            if found is not None and self._is_free(found):
                self._remove(str(found.get("token")))
                continue
            if found is not None and not said:
                job = f"job {found['job']}, " if found.get("job") else ""
                print(
                    f"{self._path.parent}: {job}process {found.get('pid')} on {found.get('host')} is at work there; "
                    "waiting for it",
                    flush=True,
                )
                said = True
                if found.get("job") and found["job"] != os.environ.get("SLURM_JOB_ID"):
                    go_on_later(after=str(found["job"]))
            time.sleep(min(5.0, self._stale_s / _BEATS))

    def _taken(self) -> bool:
        """Make the lease file, whole at once; return whether it was there before."""
        draft = self._path.with_name(f".{self._path.name}.{self._token}")
        draft.write_text(json.dumps(self._holder()), encoding="utf-8")
        try:
            _link(draft, self._path)
        except FileExistsError:
            return False
        finally:
            draft.unlink()
        return True

    def _holder(self) -> dict[str, Any]:
        pid = os.getpid()
        return {
            "token": self._token,
            "job": os.environ.get("SLURM_JOB_ID"),
            **_machine(),
            "pid": pid,
            "born": psutil.Process(pid).create_time(),
        }

    def _is_free(self, holder: dict[str, Any]) -> bool:
        """Return whether a lease that lies there binds nobody any more."""
        is_here = all(holder.get(key) == value for key, value in _machine().items())
        if is_here and not _is_alive(holder):
            return True
        job = os.environ.get("SLURM_JOB_ID")
        if not is_here and job is not None and holder.get("job") == job:
            return True  # the job was put back into the queue, and now runs here
        try:
            age_s = self._now() - self._path.stat().st_mtime
        except FileNotFoundError:
            return False  # released this moment: the next try makes a new one
        return age_s > self._stale_s

    def _now(self) -> float:
        """Return the time by the clock that stamps the lease."""
        probe = self._path.with_name(f".{self._path.name}.{self._token}")
        probe.touch()
        now = probe.stat().st_mtime
        probe.unlink()
        return now

    def _remove(self, token: str) -> None:
        """Take a free lease away by rename; if in this moment another took it, give it back."""
        removed = self._path.with_name(f".{self._path.name}.{self._token}.free")
        with suppress(FileNotFoundError):
            self._path.rename(removed)
            if _token(removed) != token:
                with suppress(FileExistsError):
                    _link(removed, self._path)  # if even this comes late, its holder sees the loss at its next beat
            removed.unlink()

    def _beat(self) -> None:
        """Touch the lease until it is released or lost."""
        while not self._done.wait(self._stale_s / _BEATS):
            try:
                if _token(self._path) != self._token:
                    self._on_loss()
                    return
                os.utime(self._path)
            except OSError:
                continue  # a file system that is away for a moment; the next beat tries again


def _link(source: Path, target: Path) -> None:
    """Give a file a second name that is free; on file systems without such links copy it, whole in one write."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        with target.open("xb") as file:
            file.write(source.read_bytes())


def _machine() -> dict[str, str]:
    """Return what processes that can see each other have in common."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    return {"host": platform.node(), "pid_space": space}


def _is_alive(holder: dict[str, Any]) -> bool:
    try:
        return is_running(int(holder["pid"]), float(holder["born"]))
    except (KeyError, ValueError, TypeError):
        return False


def _read(path: Path) -> dict[str, Any] | None:
    """Return what a lease says, None where there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _token(path: Path) -> str | None:
    return (_read(path) or {}).get("token")
