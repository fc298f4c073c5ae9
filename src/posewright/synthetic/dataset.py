"""A synthetic data set on disk: videos, labels, exact truth and the sheet.

::

    videos/<recording>.mp4   gray, h264
    labels.slp               user instances of labelled frames, visible nodes only, tracks named by individual
    truth.parquet            every node of every animal in every frame, seen or not
    videos.tsv               one row per recording; like the labels it names videos from its own folder
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from posewright.files import atomic_path, write_text
from posewright.labels.model import LabeledFrame, LabelSet, VideoRef
from posewright.labels.write import write_labels
from posewright.shapes import Size
from posewright.synthetic.animal import SKELETON
from posewright.synthetic.render import Renderer
from posewright.synthetic.scene import VISIBLE, Scene, Truth, make_scene
from posewright.synthetic.spec import ArenaSpec

SHEET_COLUMNS = ("video", "path", "session", "animals", "n_animals", "fps", "duration_s")
_H264 = {"crf": "12", "preset": "fast", "threads": "1", "bf": "0", "g": "25"}  # no B frames: easy to seek


def make_dataset(spec: ArenaSpec, folder: Path) -> None:
    """Make all recordings of ``spec`` and write them to ``folder``; files of the same names are replaced."""
    scenes = [make_scene(spec, recording) for recording in range(spec.n_recordings)]
    truths = [scene.truth() for scene in scenes]
    for scene in scenes:
        write_video(folder / video_path(scene), Renderer(scene).frames(), spec.size, spec.fps)
    write_labels(labels_of(scenes, truths, folder), folder / "labels.slp")
    with atomic_path(folder / "truth.parquet") as temporary:
        pq.write_table(pa.concat_tables(truth_table(*pair) for pair in zip(scenes, truths, strict=True)), temporary)
    write_text(folder / "videos.tsv", _sheet(scenes))


def recording_name(scene: Scene) -> str:
    """Return the id of a recording, in the sheet and in the truth."""
    return f"recording_{scene.recording + 1}"


def video_path(scene: Scene) -> str:
    """Return where a recording's video lies in the folder of the data set."""
    return f"videos/{recording_name(scene)}.mp4"


def labelled_frames(spec: ArenaSpec) -> NDArray[np.int64]:
    """Return the numbers of the labelled frames: the middles of ``n_labeled`` equal parts of a recording."""
    return ((2 * np.arange(spec.n_labeled) + 1) * spec.n_frames) // (2 * spec.n_labeled)


def labels_of(scenes: Sequence[Scene], truths: Sequence[Truth], folder: Path) -> LabelSet:
    """Return what a careful person would mark: visible nodes, and no instance for an animal that is out of sight."""
    frames = []
    for video, (scene, truth) in enumerate(zip(scenes, truths, strict=True)):
        seen = truth.seen()
        for frame in labelled_frames(scene.spec):
            in_sight = np.flatnonzero(truth.visible[frame].any(axis=-1))
            tracks = tuple(scene.individuals[animal].name for animal in in_sight)
            frames.append(LabeledFrame(video, int(frame), seen[frame, in_sight], tracks))
    videos = tuple(VideoRef(video_path(scene), folder / video_path(scene)) for scene in scenes)
    return LabelSet(SKELETON, videos, tuple(frames))


def truth_table(scene: Scene, truth: Truth) -> pa.Table:
    """Return one row per frame, animal and node: exact place, identity, and what hides the node, if anything does."""
    n_frames, n_animals, n_nodes = truth.hidden_by.shape
    frame, animal, node = (index.ravel() for index in np.indices(truth.hidden_by.shape))
    names = np.array([individual.name for individual in scene.individuals])
    hidden_by = truth.hidden_by.ravel()
    covers = [*names, "hut"]
    return pa.table(
        {
            "recording": pa.repeat(recording_name(scene), n_frames * n_animals * n_nodes),
            "frame": frame.astype(np.int32),
            "time_s": frame / scene.spec.fps,
            "animal": names[animal],
            "node": np.array(SKELETON.nodes)[node],
            "x_px": truth.points[..., 0].ravel(),
            "y_px": truth.points[..., 1].ravel(),
            "visible": hidden_by == VISIBLE,
            "hidden_by": pa.array([None if by == VISIBLE else covers[by] for by in hidden_by], pa.string()),
        }
    )


def write_video(path: Path, frames: Iterable[NDArray[np.uint8]], size: Size, fps: float) -> None:
    """Encode gray frames ``[height width]`` as h264 in mp4, nearly without loss."""
    with atomic_path(path) as temporary, av.open(str(temporary), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001), options=_H264)
        stream.width, stream.height, stream.pix_fmt = size.width, size.height, "yuv420p"
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="gray")))
        container.mux(stream.encode())


def _sheet(scenes: Sequence[Scene]) -> str:
    """Return ``videos.tsv``: every recording is a session of its own."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(SHEET_COLUMNS)
    for scene in scenes:
        names = ",".join(individual.name for individual in scene.individuals)
        spec = scene.spec
        path = video_path(scene)
        session = f"session_{scene.recording + 1}"
        length_s = f"{spec.n_frames / spec.fps:g}"
        writer.writerow([recording_name(scene), path, session, names, spec.n_animals, f"{spec.fps:g}", length_s])
    return text.getvalue()
