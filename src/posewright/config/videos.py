"""Sections of ``config.yaml`` about videos: how they are predicted, and what is made of their poses."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from posewright.config.data import Count, Part, Texts
from posewright.config.sections import Section

MOST_FILES = 6  #: published for each video and release; quotas of clusters count files


class BatchConfig(Section):
    """How videos are divided over prediction jobs."""

    count: Count = 20
    """At most so many videos per job."""
    minutes: Annotated[float, Field(gt=0.0)] | None = None
    """At most so many minutes of video per job (needs `duration_s` in the sheet); null: no bound."""


class TrackerConfig(Section):
    """How instances are joined to tracks over time."""

    similarity: Literal["oks", "centroid", "iou"] = "oks"
    """What makes two instances alike: shape and place, distance of centroids, or overlap of boxes."""
    window_frames: Count = 5
    """How many frames back a track's instances count; more is steadier and slower to follow."""
    n_animals: Count | None = None
    """Never more tracks than that; null: the sheet's `n_animals`, else as many as needed."""
    min_similarity: float = 0.001
    """A match below this is none."""
    reduction: Literal["mean", "max"] = "mean"
    """How the similarities to one track's instances are summed up."""
    motion: Literal["linear", "none"] = "linear"
    """Whether tracks are carried forward with their mean motion, so that animals that cross keep their names."""


class PredictConfig(Section):
    """How videos are predicted."""

    releases: Texts = ()
    """Releases that predict every video: declared ones, or `dev-<method>` for the working one of a method."""
    batch: BatchConfig = BatchConfig()
    """How videos are divided over jobs."""
    frames_at_once: Count = 8
    """Frames that go through the network together; a matter of speed and memory only."""
    chunk_frames: Count | None = None
    """Videos longer than that, by the sheet's `stop` or `duration_s`, are cut over several jobs; null: never."""
    backend: Literal["auto", "torch", "openvino"] = "auto"
    """What runs the network; chosen once per release."""
    dtype: Literal["float32"] = "float32"
    """Number type of the network, which a release keeps; there is one, for a method is scored with the same."""
    peak_threshold: Annotated[float, Field(ge=0.0, le=1.0)] | Literal["auto"] = "auto"
    """Smallest map value that counts as a node; auto: tuned per method on validation frames, see `compare.tuning`."""
    tracker: TrackerConfig | None = TrackerConfig()
    """How instances are joined to tracks; null: not at all."""
    on_missing: Literal["report", "error"] = "report"
    """What a missing video is: a row in the status table, or an error before anything runs."""
    max_failed_fraction: Part = 0.0
    """The run ends with an error when a larger part of the videos failed."""
    keep: Annotated[tuple[Literal["poses", "frames", "slp"], ...], Field(strict=False)] = ("poses", "frames", "slp")
    """Which files are published per video."""
    also_write: Annotated[tuple[Literal["analysis_h5", "nwb", "dlc_csv", "coco"], ...], Field(strict=False)] = ()
    """Further formats of the same poses, for other tools; nothing is predicted again for them."""

    @model_validator(mode="after")
    def _few_files(self) -> Self:
        n_files = len({*self.keep, *self.also_write}) + 1
        if n_files > MOST_FILES:
            raise ValueError(
                f"keep and also_write ask for {n_files} files a video with status.json, at most {MOST_FILES} fit a "
                "cluster's quota; leave some out: `posewright export` writes further formats of what was published"
            )
        if self.also_write and not {"poses", "frames"} <= {*self.keep}:
            raise ValueError("also_write is made of poses and frames; keep both")
        return self


class SuggestConfig(Section):
    """Which frames are suggested to be labelled next (target `suggest`)."""

    count: Count = 20
    """How many frames, of all videos together."""
    apart_frames: Count = 30
    """Two suggested frames of one video, and a suggested and a labelled one, are at least so far apart."""


class BehaviourConfig(Section):
    """Simple measures of behaviour, to see whether conclusions depend on which release predicted the videos."""

    body_ends: Annotated[tuple[str, str], Field(strict=False)] | None = None
    """Two nodes whose distance is the body length; null: the two that are farthest apart in the poses, of the nodes
    without a mirror image where there are two or more."""
    contact_body_lengths: Annotated[float, Field(gt=0.0)] = 0.05
    """Animals are in contact where a node of each is nearer than that to the other, in body lengths."""
