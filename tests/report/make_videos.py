"""Published videos as prediction leaves them, with faults planted, and their quality judged by the stage itself."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from posewright.config.sheet import VideoRow
from posewright.labels.skeleton import Skeleton
from posewright.prediction.poses import FRAMES_NAME, POSES_NAME, FramesWriter, PosesWriter
from posewright.prediction.status import Status, write_status
from posewright.report.video_quality import check_quality
from posewright.shapes import PoseBatch

N_FRAMES = 60
STICK = Skeleton(("head", "tail"), ((0, 1),))


def make_videos(root: Path, results: Path, *, n_videos: int = 4, release: str = "dev-topdown") -> list[VideoRow]:
    """Publish ``arena0 …`` with more faults the higher the number (the last one has no frames), and judge them."""
    published = results / "videos" / release
    rows = []
    for number in range(n_videos):
        row = VideoRow(f"arena{number}", str(root / "films" / f"arena{number}"), n_animals=2)
        rows.append(row)
        publish_video(published / row.video, Path(row.path), faults=number, is_empty=number == n_videos - 1)
    check_quality(published, rows, root / "work" / "quality", results / "quality" / release)
    return rows


def publish_video(folder: Path, film: Path, *, faults: int, is_empty: bool = False, key: str = "") -> None:
    """Write one video: a folder of images, poses of two sticks, and a status."""
    folder.mkdir(parents=True, exist_ok=True)
    film.mkdir(parents=True, exist_ok=True)
    n_frames = 0 if is_empty else N_FRAMES
    with PosesWriter(folder / POSES_NAME, STICK) as poses, FramesWriter(folder / FRAMES_NAME) as frames:
        for frame in range(n_frames):
            points = np.array([[[20.0 + frame, 40 + 60 * a], [50.0 + frame, 40 + 60 * a]] for a in range(2)])
            image = np.full((140, 160), 150, np.uint8)
            for head, tail in points.astype(int):
                cv2.line(image, head.tolist(), tail.tolist(), 60, 5)
            cv2.imwrite(str(film / f"{frame:04d}.png"), image)
            n_found = 1 if frame < 8 * faults else 2
            scores = np.full((n_found, 2), 0.9 - 0.5 * (frame > N_FRAMES - 4 * faults))
            found = PoseBatch(points[:n_found], np.zeros(n_found, np.int64), 1, scores, scores[:, 0])
            poses.add_poses([frame], [frame / 30], found, [f"track_{a}" for a in range(n_found)])
            frames.add_frames([frame], [frame / 30], [True], [n_found])
    state = "failed" if is_empty else "ok"
    write_status(folder / "status.json", Status(state, frames_expected=n_frames), key or f"{folder.name} {faults}")
