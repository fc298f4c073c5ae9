"""The videos that sleap-io names, as `VideoRef`: files, embedded frames and lists of images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from posewright.errors import InputError
from posewright.labels.find import Places, parts_of
from posewright.labels.fits import misfit, shows, stored_shape
from posewright.labels.model import VideoRef
from posewright.labels.part import Identity


def videos_of(videos: Sequence[Any], label_file: Path, places: Places) -> list[tuple[Identity, VideoRef]]:
    """Return the ``sleap_io.Video``s of a label file as references, each with its identity."""
    files = [spelled(video.original_video or video) for video in videos if not _is_listed(video)]
    return [_video_of(video, label_file, places, files) for video in videos]


def _video_of(video: Any, label_file: Path, places: Places, files: Sequence[str]) -> tuple[Identity, VideoRef]:
    if isinstance(video.filename, list):
        return _listed_images([str(name) for name in video.filename], label_file, places)
    if not _is_file(video):
        return _embedded(video, str(video.backend_metadata["dataset"]), label_file, places, files)
    path, shape = spelled(video), stored_shape(video)
    source = places.find(path, label_file, files, lambda candidate: misfit(candidate, shape) is None)
    identity = ("file", path if source is None else os.path.realpath(source))
    return identity, VideoRef(path, source, stored=shape)


def _is_listed(video: Any) -> bool:
    return isinstance((video.original_video or video).filename, list)


def _is_file(video: Any) -> bool:
    return not isinstance(video.filename, list) and not video.backend_metadata.get("dataset")


def spelled(video: Any) -> str:
    """Return a video's path with the user's own slashes: sleap-io turns them forward, but keeps what was stored."""
    path, stored = str(video.filename), video.backend_metadata.get("filename")
    is_same = isinstance(stored, str) and stored.replace("\\", "/") == path.replace("\\", "/")
    return str(stored) if is_same else path


def told_path(video: Any) -> str:
    """Return the path that a video goes by: of embedded frames that of their film, of images that of the first."""
    source = getattr(video, "source_video", None)
    filename = (video if source is None else source).filename
    return str(filename[0] if isinstance(filename, list) else filename or "")


def same_video(known: Sequence[tuple[Identity, VideoRef]], other: tuple[Identity, VideoRef], file: Path) -> int | None:
    """Return which of the known videos a video of another file is; None where it is none of them.

    Raises:
        InputError: several could be meant.
    """
    same = [index for index, (identity, _) in enumerate(known) if identity == other[0]]
    film = _film(other[1])
    if not same and film is not None:
        same = [index for index, (_, reference) in enumerate(known) if _film(reference) == film]
    if not same and other[0][0] in ("file", "embedded"):
        same = [index for index, (_, reference) in enumerate(known) if _may_be_one(reference, other[1])]
    if len(same) > 1:
        listed = ", ".join(known[index][1].path for index in same)
        raise InputError(
            f"{file}: the video {other[1].path!r} could be any of {listed}; name the folder that holds it "
            "(video_paths, --video-paths), so that it is found."
        )
    return same[0] if same else None


def _film(video: VideoRef) -> str | None:
    """Return the film of a video, of embedded frames the one they were taken from; None where it was not found."""
    film = video.source if video.handle is None else video.original
    return None if film is None else os.path.realpath(film)


def _may_be_one(a: VideoRef, b: VideoRef) -> bool:
    """Whether two videos, of which at most one has its film here, can be one recording by their paths.

    These share their last two parts, or one is a bare name; frames and size do not differ where both are known. One
    name in other folders is another video: nothing is guessed.
    """
    if _film(a) is not None and _film(b) is not None:
        return False
    if a.stored is not None and b.stored is not None and a.stored != b.stored:
        return False
    ours, theirs = parts_of(a.path), parts_of(b.path)
    needed = min(2, len(ours), len(theirs))
    return needed > 0 and ours[-needed:] == theirs[-needed:]


def images_in(folder: str, source: Path, names: Sequence[str]) -> tuple[Identity, VideoRef]:
    """Return images of the folder ``source`` as a video; its frames are ``names`` in their order.

    Args:
        folder: the user's spelling of the folder.
        source: where it lies.
        names: of the images, relative to the folder.
    """
    import sleap_io

    files = [(source / name).as_posix() for name in names]
    video = VideoRef(folder, source, sleap_io.Video.from_filename(files), is_images=True)
    return ("images", *map(os.path.realpath, files)), video


def common_folder(names: Sequence[str]) -> str:
    """Return the deepest folder that all file names share, spelled as they are, with forward slashes."""
    parents = [name.replace("\\", "/").rpartition("/")[0].split("/") for name in names]
    shared = takewhile(lambda level: len(set(level)) == 1, zip(*parents, strict=False))
    return "/".join(level[0] for level in shared)


def _embedded(
    video: Any, dataset: str, label_file: Path, places: Places, files: Sequence[str]
) -> tuple[Identity, VideoRef]:
    """Return frames embedded in a label file; their path is that of the video they were taken from, if known."""
    original = video.original_video
    path = original.filename if original is not None else video.filename
    name = common_folder([str(one) for one in path]) if isinstance(path, list) else spelled(original or video)
    container = places.find(str(video.filename), label_file)
    if container is None:
        return ("embedded", str(video.filename), dataset), VideoRef(name, None, is_images=isinstance(path, list))
    video.replace_filename(container.as_posix(), open=False)
    video.open_backend = True
    film = None
    if original is not None and not isinstance(path, list):
        shape = stored_shape(original)
        film = places.find(
            name,
            label_file,
            files,
            lambda candidate: misfit(candidate, shape) is None,
            lambda candidate: shows(candidate, video),
        )
    identity = ("embedded", os.path.realpath(container), dataset)
    return identity, VideoRef(name, container, video, original=film, is_images=isinstance(path, list))


def _listed_images(names: list[str], label_file: Path, places: Places) -> tuple[Identity, VideoRef]:
    folder = common_folder(names)
    source = places.find(folder, label_file) if folder else label_file.parent
    if source is None or not source.is_dir():
        return ("images", *names), VideoRef(folder, None, is_images=True)
    return images_in(folder, source, [name.replace("\\", "/")[len(folder) :].lstrip("/") for name in names])
