"""Bring a file here from a path or an address, as the file that its digest names or not at all."""

from __future__ import annotations

import http.client
import re
import shutil
import urllib.error
import urllib.request
from pathlib import Path

from posewright import __version__
from posewright.errors import InputError
from posewright.files import atomic_path, file_digest

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PATIENCE_S = 60
_CHUNK = 1 << 20


def fetch(source: str, sha256: str, out: Path) -> None:
    """Copy a file, or download it if ``source`` is an address, and compare its digest.

    Raises:
        InputError: there is no such file, it cannot be reached from this machine, or it is another one.
    """
    with atomic_path(out) as temporary:
        if _ADDRESS.match(source):
            _download(source, temporary)
        else:
            _copy(Path(source), temporary)
        _require_digest(source, file_digest(temporary), sha256)


def check_source(source: str, sha256: str) -> None:
    """Compare a file with its digest where it lies; an address is only asked when the file is wanted.

    Raises:
        InputError: there is no such file, or it is another one.
    """
    if not _ADDRESS.match(source):
        try:
            _require_digest(source, file_digest(Path(source)), sha256)
        except OSError as fault:
            raise _unreadable(Path(source), fault) from None


def _require_digest(source: str, found: str, sha256: str) -> None:
    if found != sha256:
        raise InputError(
            f"{source!r} has the sha256 {found}, and the config says {sha256}: it is another file, or damaged. "
            "Ask its maker which is right, and correct the config or get the file again."
        )


def _copy(source: Path, target: Path) -> None:
    try:
        shutil.copyfile(source, target)
    except OSError as fault:
        raise _unreadable(source, fault) from None


def _unreadable(source: Path, fault: OSError) -> InputError:
    reason = "does not exist" if isinstance(fault, FileNotFoundError) else f"cannot be read ({fault.strerror})"
    return InputError(f"The bundle {str(source)!r} {reason}; correct its path in the config.")


def _download(address: str, target: Path) -> None:
    if not address.lower().startswith(("http://", "https://")):
        raise InputError(f"{address!r} is neither http nor https; download it by hand and give its path.")
    try:
        request = urllib.request.Request(address, headers={"User-Agent": f"posewright/{__version__}"})
        with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer, target.open("wb") as written:
            shutil.copyfileobj(answer, written, _CHUNK)
            announced = answer.headers.get("Content-Length")
    except urllib.error.HTTPError as fault:
        raise InputError(f"{address!r} answers {fault.code} {fault.reason}; correct the address.") from None
    except (OSError, http.client.HTTPException, ValueError) as fault:
        reason = fault.reason if isinstance(fault, urllib.error.URLError) else fault
        raise InputError(
            f"{address!r} cannot be downloaded from this machine ({reason}). If it has no network, as many nodes of "
            "clusters, download the file elsewhere and give its path."
        ) from None
    size = target.stat().st_size
    if announced is not None and int(announced) != size:
        raise InputError(f"{address!r} announced {announced} bytes and gave {size}; run again.")
