"""The frame store: every labelled frame decoded once, as raw bytes in one file that all trainings map into memory.

``store.json`` lists the frames; ``frames.u8`` beside it holds their pixels, one frame after the other, row by row.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from posewright.discretion import publishable
from posewright.errors import InputError, InputProblems, Problem
from posewright.files import atomic_path, read_json, write_text
from posewright.samples.sources.base import Source, VideoFault, picture
from posewright.samples.sources.images import Images
from posewright.samples.video import source_of
from posewright.shapes import Size

if TYPE_CHECKING:
    from posewright.labels.model import LabelSet, VideoRef

SCHEMA = 1
PIXELS_NAME = "frames.u8"

Key = tuple[int, int]  #: (video, frame)


@dataclass(frozen=True)
class _Entry:
    """Where one frame lies in the pixel file."""

    offset: int
    shape: tuple[int, int, int]

    @property
    def n_bytes(self) -> int:
        height, width, channels = self.shape
        return height * width * channels


def store_frames(labels: LabelSet, out: Path) -> None:
    """Decode every labelled frame once and write the store (``out`` is its ``store.json``).

    Frames that are marked as without animals are labelled frames too.

    Raises:
        InputProblems: frames that cannot be read, all of them at once; nothing is written then.
    """
    wanted: dict[int, list[int]] = defaultdict(list)
    for video, frame in (*(labelled.key for labelled in labels.frames), *labels.negatives):
        wanted[video].append(frame)
    entries: dict[Key, _Entry] = {}
    problems: list[Problem] = []
    with atomic_path(out.parent / PIXELS_NAME) as temporary:
        with temporary.open("wb") as pixels:
            for video, frames in sorted(wanted.items()):
                problems += _store_video(labels.videos[video], video, sorted(set(frames)), pixels, entries)
        if problems:
            raise InputProblems(problems)
    index = {
        "schema": SCHEMA,
        "pixels": PIXELS_NAME,
        "n_bytes": sum(entry.n_bytes for entry in entries.values()),
        "videos": [publishable(video.path) for video in labels.videos],
        "columns": ["video", "frame", "offset", "height", "width", "channels"],
    }
    write_text(out, _index_text(index, entries))


def _store_video(
    video: VideoRef, number: int, frames: Sequence[int], pixels: BinaryIO, entries: dict[Key, _Entry]
) -> list[Problem]:
    """Append the frames of one video to the pixel file; return what could not be read."""
    try:
        for frame, image in _images(video, frames):
            entries[number, frame] = _Entry(pixels.tell(), (image.shape[0], image.shape[1], image.shape[2]))
            pixels.write(image.tobytes())
    except VideoFault as fault:
        remedy = "add its folder to video_paths or path_map, or remove its labels"
        return [Problem(f"labels, video {video.path!r}", fault.message, remedy)]
    lost = [frame for frame in frames if (number, frame) not in entries]
    if not lost:
        return []
    found = f"labelled frames that cannot be decoded: {', '.join(map(str, lost))}"
    remedy = "check that this is the video that was labelled, or remove these labels"
    return [Problem(f"labels, video {video.path!r}", found, remedy)]


def _images(video: VideoRef, frames: Sequence[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield the images of some frames of a video, in order; those that cannot be decoded are left out."""
    source: Source
    if video.handle is None:
        if video.source is None:
            raise VideoFault("missing", f"{video.path!r} was not found")
        source = source_of(video.source)
    elif isinstance(getattr(video.handle, "filename", None), list):
        source = Images(video.path, [Path(name) for name in video.handle.filename])
    else:
        yield from _images_of_handle(video.handle, frames)
        return
    for frame in source.frames(stop=frames[-1] + 1, only=frozenset(frames)):
        if frame.image is not None:
            yield frame.index, frame.image


def _images_of_handle(handle: Any, frames: Sequence[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield images that sleap-io reads: frames embedded in a label file, and arrays."""
    for frame in frames:
        try:
            yield frame, picture(np.asarray(handle[frame]))
        except (IndexError, KeyError, FileNotFoundError):
            continue
        except ValueError as fault:
            raise InputError(f"Frame {frame} of {handle.filename!r} cannot be used: {fault}.") from None


def _index_text(index: dict[str, Any], entries: dict[Key, _Entry]) -> str:
    """Return store.json with one frame a line: short, and still readable."""
    head = json.dumps(index, indent=2, sort_keys=True)
    rows = [json.dumps([*key, entry.offset, *entry.shape]) for key, entry in entries.items()]
    return head[: head.rindex("\n")] + ',\n  "frames": [\n    ' + ",\n    ".join(rows) + "\n  ]\n}\n"


def frame_sizes(path: Path) -> dict[Key, Size]:
    """Return the size of every stored frame from the index alone; the pixels need not be there."""
    return {(video, frame): Size(height, width) for video, frame, _, height, width, _ in _index(path)["frames"]}


def _index(path: Path) -> dict[str, Any]:
    index: dict[str, Any] = read_json(path)
    if index.get("schema") != SCHEMA:
        raise InputError(f"{str(path)!r} is no frame store of schema {SCHEMA}; run the rule store_frames again.")
    return index


class FrameStore:
    """Read access to a frame store: ``store[(video, frame)]`` is a view into the mapped file, not a copy.

    The file is mapped on first use in each process, so a store can be sent to worker processes.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        index = _index(self.path)
        self._entries = {
            (video, frame): _Entry(offset, (height, width, channels))
            for video, frame, offset, height, width, channels in index["frames"]
        }
        self._pixels_path = self.path.parent / index["pixels"]
        self._n_bytes = int(index["n_bytes"])
        self._pixels: NDArray[np.uint8] | None = None
        if self._pixels_path.stat().st_size != self._n_bytes:
            raise InputError(
                f"{str(self._pixels_path)!r} has not the size store.json names; remove both and run again."
            )

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, key: Key) -> NDArray[np.uint8]:
        """Return ``[height width channel]``, read-only."""
        entry = self._entries[key]
        flat: NDArray[np.uint8] = self._mapped()[entry.offset : entry.offset + entry.n_bytes]
        return flat.reshape(entry.shape)

    def size_of(self, key: Key) -> Size:
        """Return height and width of one frame, without reading it."""
        height, width, _ = self._entries[key].shape
        return Size(height, width)

    @property
    def keys(self) -> tuple[Key, ...]:
        """All (video, frame) pairs, sorted."""
        return tuple(sorted(self._entries))

    @property
    def channels(self) -> int:
        """Largest number of channels of any frame: 1 where all are gray."""
        return max((entry.shape[2] for entry in self._entries.values()), default=1)

    def _mapped(self) -> NDArray[np.uint8]:
        if self._pixels is None:
            self._pixels = np.memmap(self._pixels_path, dtype=np.uint8, mode="r")
        return self._pixels

    def __getstate__(self) -> dict[str, Any]:
        """Leave the mapping behind: pickling it would copy every pixel."""
        return {**self.__dict__, "_pixels": None}
