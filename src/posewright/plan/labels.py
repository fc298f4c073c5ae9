"""Labels of a project: which there are, and what determines split, store and what is told of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py

from posewright.config.project import ProjectConfig
from posewright.config.sheet import VideoRow
from posewright.config.stages import STAGE_VERSION
from posewright.files import canonical_json, file_digest
from posewright.labels.digest import video_paths
from posewright.plan.parts import dump, existing, plain


@dataclass(frozen=True)
class LabelPlan:
    """The labels of every dataset.

    Attributes:
        project: the resolved config.
        digests: dataset -> content digest of each of its label files; empty where there are no labels.
        repeated_digests: the same of the files in which frames were labelled once more.
        rows: the rows of the sheet.
    """

    project: ProjectConfig
    digests: Mapping[str, tuple[str, ...]]
    repeated_digests: Mapping[str, tuple[str, ...]]
    rows: Sequence[VideoRow]

    @cached_property
    def labelled(self) -> list[str]:
        """Datasets that have labels; the others only predict."""
        return [name for name, digests in self.digests.items() if digests]

    def files(self, dataset: str) -> list[str]:
        """Return the label files of a dataset."""
        return [file.path for file in self.project.datasets[dataset].files]

    def repeated(self, dataset: str) -> list[str]:
        """Return the files in which frames of a dataset were labelled once more."""
        return list(self.project.datasets[dataset].repeated)

    def repeats_identity(self, dataset: str) -> str:
        """Return what determines how far labellings of one frame lie apart."""
        settings = self.project.datasets[dataset]
        return canonical_json(
            {
                "labels": self.digests[dataset],
                "repeated": self.repeated_digests[dataset],
                "skeleton": plain(settings.skeleton),
                "node_map": settings.node_map,
                "missing_nodes": sorted(settings.missing_nodes),
                "version": STAGE_VERSION["measure_repeats"],
            }
        )

    def dataset_json(self, dataset: str) -> str:
        """Return a dataset's settings, with the places to look for its files."""
        return canonical_json(dump(self.project.datasets[dataset]))

    def judged_json(self, dataset: str) -> str:
        """Return what scoring must know of a dataset's labels; of each file only where files differ."""
        settings = self.project.datasets[dataset]
        usual = {"label_source": settings.label_source, "complete": settings.complete}
        files = settings.declared()
        return canonical_json({**usual, "files": files} if files else usual)

    def split_json(self) -> str:
        """Return the settings of the split."""
        return canonical_json(dump(self.project.split))

    def split_identity(self, dataset: str) -> str:
        """Return what determines the split, and whether the inputs are sound."""
        settings = self.project.datasets[dataset]
        nodes = {"node_map": settings.node_map, "missing_nodes": sorted(settings.missing_nodes)}
        return canonical_json(
            {
                "labels": self.digests[dataset],
                "skeleton": plain(settings.skeleton),
                "split": dump(self.project.split),
                "recordings": self._recordings(dataset),
                "version": STAGE_VERSION["split_labels"],
                **{key: value for key, value in nodes.items() if value},
            }
        )

    def _recordings(self, dataset: str) -> Any:
        """Return what the split is told of the labelled videos by the sheet, or by the split's own file.

        Rows of other videos have no part in it: a new video to predict must not divide the labels anew.
        """
        split = self.project.split
        if split.file is not None:
            return file_digest(existing(Path(split.file), "split.file"))
        column = {"session": "session", "animal": "animals"}.get(split.by)
        if column is None:
            return None
        names = [_labelled_names(Path(path)) for path in self.files(dataset)]
        rows = [[_base(row.path), plain(getattr(row, column))] for row in self.rows]
        return sorted(row for row in rows if any(known is None or row[0] in known for known in names))

    def store_identity(self, dataset: str) -> str:
        """Return what determines the decoded frames."""
        return canonical_json({"labels": self.digests[dataset], "version": STAGE_VERSION["store_frames"]})


def _labelled_names(labels: Path) -> set[str] | None:
    """Return the base names of the videos of a label file; None where any video might be meant."""
    if labels.suffix.lower() != ".slp":
        return None
    with h5py.File(labels, "r") as file:
        return {_base(path) for path in video_paths(file)}


def _base(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]
