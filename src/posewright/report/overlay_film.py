"""A film of a video with its published poses drawn, for people to look at; made on request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from posewright.errors import InputError
from posewright.files import atomic_path
from posewright.prediction.poses import FRAMES_NAME, POSES_NAME, frame_chunks, pose_chunks, read_skeleton
from posewright.report.overlays import draw_poses
from posewright.samples.video import VideoFault, open_frames

_FPS_UNKNOWN = 25
_SMALLEST_LONGER_SIDE_PX, _LARGEST_SCALE = 640, 4.0
_QUALITY = {"crf": "23", "preset": "veryfast"}


def overlay_film(folder: Path, film: Path, out: Path, start: int = 0, stop: int | None = None) -> int:
    """Write H.264 in MP4 and return the number of its frames. Memory does not grow with the video.

    Each animal keeps its colour along its track. A frame that could not be decoded is left out.

    Args:
        folder: a published video with ``poses.parquet`` and ``frames.parquet``.
        film: the video itself.
        out: the ``.mp4`` to write; it appears whole or not at all.
        start: first frame.
        stop: frame to stop before; None for all.

    Raises:
        InputError: the folder has no poses, the video cannot be read, or no frame lies in the range.
    """
    for name in (POSES_NAME, FRAMES_NAME):
        if not (folder / name).is_file():
            raise InputError(f"{folder} has no {name}; give results/<dataset>/videos/<release>/<video>.")
    skeleton, poses = read_skeleton(folder / POSES_NAME), _poses(folder)
    here, n_frames = next(poses, None), 0
    with atomic_path(out) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        stream = None
        try:
            for frame in open_frames(film, start, stop):
                if frame.image is None:
                    continue
                while here is not None and here[0] < frame.index:
                    here = next(poses, None)
                drawn = here[1] if here is not None and here[0] == frame.index else None
                scale = float(np.clip(_SMALLEST_LONGER_SIDE_PX / max(frame.image.shape[:2]), 1.0, _LARGEST_SCALE))
                picture = draw_poses(frame.image, skeleton, None, drawn, scale, marks=0.7)
                even = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
                if stream is None:
                    stream = container.add_stream("libx264", rate=_rate(folder), options=_QUALITY)
                    stream.height, stream.width, stream.pix_fmt = *even.shape[:2], "yuv420p"
                shown = np.ascontiguousarray(even)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
                n_frames += 1
        except VideoFault as fault:
            raise InputError(f"{fault.message}; name the film with --film.") from fault
        if stream is None:
            raise InputError(f"No frame of {film} from {start} on can be shown; give another range.")
        container.mux(stream.encode(None))
    return n_frames


def _poses(folder: Path) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield (frame, ``[track node xy]``) in order: an animal's row is that of its track, NaN where it is absent.

    Animals without a track come after all tracks that were seen so far.
    """
    places: dict[str, int] = {}
    frame, rows = -1, _Rows()
    for chunk in pose_chunks(folder / POSES_NAME, 4096):
        for row, number in enumerate(chunk["frame"].tolist()):
            if number != frame:
                if frame >= 0:
                    yield frame, rows.stacked(len(places))
                frame, rows = number, _Rows()
            points, track = chunk["points"][row].astype(np.float64), chunk["track"][row]
            if track is None:
                rows.untracked.append(points)
            else:
                rows.tracked[places.setdefault(track, len(places))] = points
    if frame >= 0:
        yield frame, rows.stacked(len(places))


@dataclass
class _Rows:
    """The animals of one frame: those of tracks by the place of their track, and the others."""

    tracked: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    untracked: list[NDArray[np.float64]] = field(default_factory=list)

    def stacked(self, n_tracks: int) -> NDArray[np.float64]:
        """Return ``[track node xy]``."""
        found = {**self.tracked, **dict(enumerate(self.untracked, start=n_tracks))}
        points = np.full((max(found) + 1, *next(iter(found.values())).shape), np.nan)
        for place, own in found.items():
            points[place] = own
        return points


def _rate(folder: Path) -> Fraction:
    """Return the frames per second of the video, from the times of its first frames."""
    times_s = next((chunk["time_s"] for chunk in frame_chunks(folder / FRAMES_NAME)), np.zeros(0))
    steps = np.diff(times_s[np.isfinite(times_s)])
    step = float(np.median(steps)) if len(steps) else 0.0
    return Fraction(1 / step).limit_denominator(1001) if step > 0 else Fraction(_FPS_UNKNOWN)
