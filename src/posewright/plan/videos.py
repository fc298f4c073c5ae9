"""Videos of a project: their rows, their batches, and what determines their poses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from math import ceil, inf
from pathlib import Path
from typing import Any

from posewright.batches import batches
from posewright.config.project import ProjectConfig
from posewright.config.sheet import VideoRow
from posewright.config.stages import STAGE_VERSION
from posewright.errors import InputProblems, Problem
from posewright.files import canonical_json, digest_of
from posewright.plan.parts import dump, plain
from posewright.samples.sources.places import is_there

#: Columns of the sheet that reach prediction; a change in any other one (a note, a session) predicts nothing again.
PREDICTION_COLUMNS = ("video", "path", "n_animals", "start", "stop", "roi", "fps", "exclude")

#: Batches beside those of the tree: a video that is cut over jobs, and each of its chunks.
_CUT, _CHUNK = "cut-", re.compile(r"chunk(\d+)of(\d+)-(.+)")
_USUAL_FPS = 30.0  #: where the sheet tells only how long a video lasts; no result depends on it

FILES_KEPT = {
    "poses": "poses.parquet",
    "frames": "frames.parquet",
    "slp": "poses.slp",
    "analysis_h5": "poses.analysis.h5",
    "nwb": "poses.nwb",
    "dlc_csv": "poses.dlc.csv",
    "coco": "poses.coco.json",
}


def missing_videos(project: ProjectConfig, rows: Sequence[VideoRow]) -> list[Problem]:
    """Return each video that does not exist, where the config wants that to be an error and not a state."""
    if project.predict.on_missing == "report":
        return []
    remedy = "correct the path, exclude the video, or set predict.on_missing: report"
    return [
        Problem(f"{project.videos} video {row.video}", f"{row.path} does not exist", remedy)
        for row in rows
        if not row.exclude and not is_there(Path(row.path))
    ]


@dataclass(frozen=True)
class VideoPlan:
    """The videos that every release predicts.

    Attributes:
        project: the resolved config.
        rows: the rows of the sheet.
    """

    project: ProjectConfig
    rows: Sequence[VideoRow]

    def refuse_missing(self) -> None:
        """Stop where the config wants missing videos to be an error and not a state."""
        if missing := missing_videos(self.project, self.rows):
            raise InputProblems(missing)

    @cached_property
    def _rows_of(self) -> dict[str, dict[str, VideoRow]]:
        rows: dict[str, dict[str, VideoRow]] = {name: {} for name in self.project.datasets}
        for row in self.rows:
            rows[str(row.dataset)][row.video] = row
        return rows

    def ids(self, dataset: str) -> list[str]:
        """Return the ids of a dataset's videos, in the order of the sheet."""
        return list(self._rows_of[dataset])

    def of(self, dataset: str) -> list[VideoRow]:
        """Return a dataset's rows, in the order of the sheet."""
        return list(self._rows_of[dataset].values())

    @cached_property
    def _batches(self) -> dict[str, dict[str, list[str]]]:
        limits = self.project.predict.batch
        found = {}
        for dataset, rows in self._rows_of.items():
            cut = [video for video, row in rows.items() if self._n_chunks(row) > 1]
            minutes = {video: (row.duration_s or 0.0) / 60.0 for video, row in rows.items() if video not in cut}
            found[dataset] = batches(minutes, limits.count, limits.minutes or inf) | {
                _CUT + video: [video] for video in cut
            }
        return found

    def _n_chunks(self, row: VideoRow) -> int:
        """Return over how many jobs a video is cut, by what the sheet tells of its length; 1 where it tells nothing."""
        most, begin, end = self.project.predict.chunk_frames, row.start or 0, row.stop
        if row.duration_s is not None:
            n_frames = ceil(row.duration_s * (row.fps or _USUAL_FPS))
            end = n_frames if end is None else min(end, n_frames)
        return 1 if most is None or end is None or row.exclude else max(1, ceil((end - begin) / most))

    @cached_property
    def _batch_of(self) -> dict[tuple[str, str], str]:
        return {
            (dataset, video): batch
            for dataset, leaves in self._batches.items()
            for batch, videos in leaves.items()
            for video in videos
        }

    def batch_of(self, dataset: str, video: str) -> str:
        """Return the batch a video is predicted in."""
        return self._batch_of[dataset, video]

    def batch_rows(self, dataset: str, batch: str) -> str:
        """Return the rows of a batch as JSON: the columns that reach prediction, and which chunk is meant."""
        chunk = _CHUNK.fullmatch(batch)
        if chunk is not None:
            return canonical_json([{**self.row(dataset, chunk[3]), "chunk": [int(chunk[1]) - 1, int(chunk[2])]}])
        return canonical_json([self.row(dataset, video) for video in self._batches[dataset][batch]])

    def chunks_of(self, dataset: str, batch: str) -> list[str]:
        """Return the batches whose work a batch joins: the chunks of a video that is cut."""
        if not batch.startswith(_CUT):
            return []
        video = batch.removeprefix(_CUT)
        count = self._n_chunks(self._rows_of[dataset][video])
        return [f"chunk{number + 1}of{count}-{video}" for number in range(count)]

    def row(self, dataset: str, video: str) -> dict[str, Any]:
        """Return the columns of a video's row that reach prediction."""
        row = asdict(self._rows_of[dataset][video])
        return {column: plain(row[column]) for column in PREDICTION_COLUMNS}

    def files(self) -> list[str]:
        """Return the names of the files published for each video."""
        predict = self.project.predict
        asked = {*predict.keep, *predict.also_write}
        return [FILES_KEPT[kind] for kind in FILES_KEPT if kind in asked] + ["status.json"]

    def quality_identity(self, dataset: str) -> str:
        """Return what determines how poses are judged, apart from the poses, whatever the order of the sheet."""
        rows = sorted(self.of(dataset), key=lambda row: row.video)
        told = [[row.video, row.n_animals, row.fps, plain(row.roi)] for row in rows]
        return digest_of({"rows": told, "version": STAGE_VERSION["check_quality"]})

    def identity(self) -> str:
        """Return what determines the poses of a video, apart from its release and its row."""
        predict = dump(self.project.predict)
        settings = {key: predict[key] for key in ("tracker", "keep", "also_write")}
        return canonical_json({"settings": settings, "version": STAGE_VERSION["predict_videos"]})

    def settings(self) -> str:
        """Return all settings of prediction, with those that only concern speed."""
        return canonical_json(dump(self.project.predict))
