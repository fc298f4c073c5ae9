"""Sections of ``config.yaml`` about labels: where they are, what holds for them, and how they are divided."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from posewright.config.data import Count, Part, Texts
from posewright.config.sections import Section

LabelSource = Literal["human", "corrected", "model"]


class LabelFile(Section):
    """One label file that differs from the rest of its dataset."""

    path: str
    """The file, as in a list of plain names."""
    label_source: LabelSource | None = None
    """Who made these labels; null: as the dataset says."""
    complete: bool | None = None
    """Whether every animal in these frames is labelled; null: as the dataset says."""


def _kind_of_file(value: Any) -> str:
    """Return the tag of an entry of `labels`: spelled in parentheses, for it is no key of the file."""
    return "(map)" if isinstance(value, Mapping | LabelFile) else "(text)"


LabelFiles = Annotated[
    tuple[
        Annotated[Annotated[str, Tag("(text)")] | Annotated[LabelFile, Tag("(map)")], Discriminator(_kind_of_file)],
        ...,
    ],
    Field(strict=False),
]


class DatasetConfig(Section):
    """Labels with their videos and skeleton."""

    labels: LabelFiles | None = ()
    """Label files (formats.md lists the kinds); `{path, label_source, complete}` where one differs from the rest."""
    repeated: Texts = ()
    """Files in which frames of `labels` were labelled once more, by another person or later: they tell how exact labels
    are, and with it the sigmas of OKS. Nothing is trained on them."""
    label_source: LabelSource = "human"
    """Who made the labels: a person, a person correcting a model, or a model alone. Stands in every result."""
    complete: bool = True
    """Whether every animal in a labelled frame is labelled; if not, unmatched predictions count as unknown."""
    video_paths: Texts = ()
    """Folders to look for videos in, where the labels' own paths lead nowhere."""
    path_map: dict[str, str] = Field(default={})
    """Old beginning of a video path -> new one, such as `"Z:/lab": /data/lab`."""
    skeleton: Texts | None = None
    """Order of the nodes; null: that of the first label file."""
    node_map: dict[str, str | None] = Field(default={})
    """Name of a node in a label file -> its name here, such as `{snout: nose}`; null leaves the node out."""
    missing_nodes: Texts = ()
    """Nodes that a label file may lack; they then count as not visible in its frames."""
    frame_check: Literal["error", "report", "off"] = "error"
    """What it is if seeking, counting and embedded images show different frames under one number: an error of the
    check, an entry in its facts only, or not looked at."""

    @model_validator(mode="after")
    def _repeats_something(self) -> Self:
        if self.repeated and not self.labels:
            raise ValueError("`repeated` labels frames of `labels` once more; name those labels, too")
        doubled = {file.path for file in self.files} & set(self.repeated)
        if doubled:
            raise ValueError(f"{', '.join(sorted(doubled))} stands in `labels` and in `repeated`; keep it in one")
        return self

    @property
    def files(self) -> tuple[LabelFile, ...]:
        """The label files, each with what holds for it."""
        given = (LabelFile(path=one) if isinstance(one, str) else one for one in self.labels or ())
        return tuple(
            LabelFile(
                path=one.path,
                label_source=one.label_source or self.label_source,
                complete=self.complete if one.complete is None else one.complete,
            )
            for one in given
        )

    def declared(self) -> list[dict[str, Any]]:
        """Return label source and completeness of each file; empty where all are as the dataset says."""
        found = [{"label_source": one.label_source, "complete": one.complete} for one in self.files]
        usual = {"label_source": self.label_source, "complete": self.complete}
        return found if any(one != usual for one in found) else []

    def reading(self) -> dict[str, Any]:
        """Return the arguments of `posewright.labels.read.read_labels`."""
        return {
            "paths": [Path(file.path) for file in self.files],
            "video_paths": [Path(path) for path in self.video_paths],
            "path_map": self.path_map,
            "skeleton": self.skeleton,
            "node_map": self.node_map,
            "missing_nodes": self.missing_nodes,
            "sources": [file.label_source for file in self.files],
        }

    def reading_repeated(self) -> dict[str, Any]:
        """Return the arguments of `posewright.labels.read.read_parts` for the files that label frames once more."""
        same = {key: value for key, value in self.reading().items() if key not in ("skeleton", "sources")}
        return {**same, "paths": [Path(path) for path in self.repeated]}


class SplitConfig(Section):
    """Which labelled frames train, validate and test; decided once, for all methods and seeds."""

    by: Literal["animal", "session", "video", "block", "file"] = "block"
    """What stays together: animals or sessions (named in the sheet), videos, blocks of time, or as `file` says."""
    val: Part = 0.1
    """Part of the groups for validation, not 0; with several folds each group outside the test validates once."""
    test: Part = 0.2
    """Part of the groups for the final test; the same in all folds."""
    folds: Count = 1
    """Number of folds; each trains every recipe again."""
    block_frames: Count = 50
    """Length of a block, in frames of the video (not in labelled frames)."""
    gap_frames: Annotated[int, Field(ge=0)] | Literal["auto"] = "auto"
    """Training frames so near to a block of another side are dropped; auto: measured from
    the autocorrelation of the labelled frames' pictures."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Another seed deals the groups anew."""
    file: str | None = None
    """With `by: file`: tab-separated table with the columns `video` and `side`."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.val + self.test >= 1:
            raise ValueError(f"val {self.val} and test {self.test} leave nothing to train on")
        if (self.by == "file") != (self.file is not None):
            raise ValueError("`by: file` and `file` belong together; give both or neither")
        if self.folds > 1 and self.by == "file":
            raise ValueError("a split given by a file has one fold")
        return self
