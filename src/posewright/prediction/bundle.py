"""The one file that a release is: a zip without compression, checked before anything in it is used.

``release.json`` says what the release is and holds the digest of every other member; ``MODEL_CARD.md`` says it to
people, ``provenance.json`` tells of the making, and each model has a folder ``<k>_<recipe>/``. Equal content gives
equal bytes. A bundle may come from anyone: no name in it leads out of its folder, no member is larger than the file.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from posewright.errors import InputError
from posewright.files import atomic_path, file_digest, new_folder

SUFFIX = ".posewright"
SCHEMA = 2
MANIFEST = "release.json"
CARD = "MODEL_CARD.md"
PROVENANCE = "provenance.json"

#: Files of a model that prediction and people need.
MODEL_FILES = ("model.json", "best.ckpt", "training_config.yaml")
#: Files of its exported network, where the backend runs one.
EXPORTED_FILES = ("model.xml", "model.bin")

_FOLDER = re.compile(r"\d+_[A-Za-z0-9._-]+")
_NO_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip can hold
_PLAIN_FILE = 0o100644 << 16
_CHUNK = 1 << 20
_LARGEST_MANIFEST = 1 << 24


def write_bundle(out: Path, folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the files of a folder and the manifest, which gets their digests, as one bundle."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    members = {path.relative_to(folder).as_posix(): path for path in paths}
    files = {name: {"sha256": file_digest(path), "bytes": path.stat().st_size} for name, path in members.items()}
    text = json.dumps({**manifest, "files": files}, sort_keys=True, indent=2, allow_nan=False) + "\n"
    with atomic_path(out) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_entry(MANIFEST, len(text)), text)
        for name, path in members.items():
            with path.open("rb") as source, archive.open(_entry(name, path.stat().st_size), "w") as member:
                shutil.copyfileobj(source, member, _CHUNK)


def _entry(name: str, size: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _NO_DATE)
    entry.create_system, entry.external_attr, entry.file_size = 3, _PLAIN_FILE, size
    return entry


def read_manifest(bundle: Path) -> dict[str, Any]:
    """Return the content of a bundle's ``release.json``.

    Raises:
        InputError: the file is no bundle, is damaged, or holds what no bundle holds.
    """
    with _opened(bundle) as archive:
        return _manifest(archive, bundle)


def unpacked(bundle: Path, sha256: str, folders: tuple[str, ...], into: Path) -> tuple[Path, ...]:
    """Return the model folders of a bundle, unpacked once into ``into/<digest>`` and shared by all who need them.

    Args:
        bundle: the file.
        sha256: digest it must have.
        folders: names of its model folders.
        into: scratch; a purge of it, whole or in part, is made good here.

    Raises:
        InputError: the bundle is not there or not the one of this digest.
    """
    target = into / sha256[:32]
    manifest = read_manifest(bundle)
    if not _complete(target, manifest["files"]):
        if file_digest(bundle) != sha256:
            raise InputError(
                f"{str(bundle)!r} is not the file of which release.json beside it tells (sha256 {sha256[:12]}…); "
                "bring the bundle back from a copy."
            )
        temporary = new_folder(into, f".{target.name}.")
        try:
            unpack(bundle, temporary)
            _put_in_place(temporary, target, manifest["files"])
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return tuple(target / name for name in folders)


def unpack(bundle: Path, folder: Path) -> None:
    """Write the members of a bundle below a folder, each compared with its digest."""
    with _opened(bundle) as archive:
        for name, expected in _manifest(archive, bundle)["files"].items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as source, path.open("wb") as written:
                digest = _copied(source, written)
            if digest != expected["sha256"]:
                raise _damaged(bundle, f"{name} is not what {MANIFEST} in it says")


def _copied(source: IO[bytes], target: IO[bytes]) -> str:
    """Copy a stream and return its digest."""
    digest = hashlib.sha256()
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
        target.write(chunk)
    return digest.hexdigest()


def _complete(folder: Path, files: Mapping[str, Any]) -> bool:
    """Return whether all members lie in a folder; it appeared whole, but clusters purge scratch file by file."""
    try:
        return all((folder / name).stat().st_size == file["bytes"] for name, file in files.items())
    except OSError:
        return False


def _put_in_place(folder: Path, target: Path, files: Mapping[str, Any]) -> None:
    """Give the folder its name; another job may have been faster with the same, and what is left of a purge goes."""
    for _ in range(3):
        try:
            folder.rename(target)
            return
        except OSError:
            if _complete(target, files):
                return
            shutil.rmtree(target, ignore_errors=True)
    raise OSError(f"{str(target)!r} cannot be replaced")


@contextmanager
def _opened(bundle: Path) -> Iterator[zipfile.ZipFile]:
    """Open a bundle; what a zip can have wrong is told as a sentence."""
    if not bundle.is_file():
        raise InputError(f"There is no bundle {str(bundle)!r}; correct the path, or bring the file back from a copy.")
    try:
        with zipfile.ZipFile(bundle) as archive:
            yield archive
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as fault:
        raise _damaged(bundle, f"it cannot be read as a zip ({fault})") from None


def _manifest(archive: zipfile.ZipFile, bundle: Path) -> dict[str, Any]:
    """Return the manifest, if the members are those of a bundle and as large as it says."""
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    for entry in entries:
        if not _belongs(entry.filename):
            raise _damaged(bundle, f"it holds {entry.filename!r}, which no bundle holds")
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
            raise _damaged(bundle, f"{entry.filename} in it is compressed or encrypted, which no bundle's member is")
    if len(set(names)) < len(names) or sum(entry.file_size for entry in entries) > bundle.stat().st_size:
        raise _damaged(bundle, "its members overlap")
    if MANIFEST not in names or archive.getinfo(MANIFEST).file_size > _LARGEST_MANIFEST:
        raise _damaged(bundle, f"it has no {MANIFEST} of a sane size")
    try:
        manifest: dict[str, Any] = json.loads(archive.read(MANIFEST))
        schema = manifest.get("schema")
        files = {str(name): (str(file["sha256"]), int(file["bytes"])) for name, file in manifest["files"].items()}
        wanted = {f"{model['folder']}/{name}" for model in manifest["models"] for name in _needed(manifest)}
    except (AttributeError, KeyError, TypeError, ValueError) as fault:
        raise _damaged(bundle, f"its {MANIFEST} is not that of a release ({fault!r})") from None
    if schema != SCHEMA:
        raise InputError(
            f"The bundle {str(bundle)!r} has schema {schema!r}, this version reads {SCHEMA}; use the version of "
            "Posewright that wrote it."
        )
    sizes = {name: archive.getinfo(name).file_size for name in names if name != MANIFEST}
    if sizes != {name: size for name, (_, size) in files.items()}:
        raise _damaged(bundle, f"its members are not those that its {MANIFEST} lists")
    missing = sorted((wanted | {CARD, PROVENANCE}) - set(files))
    if missing:
        raise _damaged(bundle, f"it lacks {', '.join(missing)}")
    return manifest


def _needed(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    return MODEL_FILES + (EXPORTED_FILES if manifest["backend"] == "openvino" else ())


def _belongs(name: str) -> bool:
    """Return whether a member's name is one that bundles have; none of them leads out of its folder."""
    folder, slash, file = name.partition("/")
    if not slash:
        return name in (MANIFEST, CARD, PROVENANCE)
    return _FOLDER.fullmatch(folder) is not None and file in MODEL_FILES + EXPORTED_FILES


def _damaged(bundle: Path, clause: str) -> InputError:
    return InputError(f"{str(bundle)!r} is no sound bundle of a release: {clause}; get it again from where it came.")
