"""What every section is made from."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from posewright.errors import InputError
from posewright.labels.read import read_side
from posewright.labels.skeleton import Skeleton
from posewright.report.gather import Results
from posewright.samples.store import FrameStore


@dataclass(frozen=True)
class Context:
    """The results of one dataset and side, and what only the workflow knows of them.

    Attributes:
        results: all that was read from the results folder.
        types: method -> its type in config.yaml.
        store: the decoded frames; None where they were purged, which costs pictures and nothing else.
        asked_of_videos: whether a status table was named at all.
    """

    results: Results
    types: Mapping[str, str] = field(default_factory=dict)
    store: FrameStore | None = None
    asked_of_videos: bool = False

    @property
    def skeleton(self) -> Skeleton | None:
        """The skeleton that the trained models carry; where none was trained here, that of the split's labels."""
        for model in self.results.models:
            value = model.info.get("skeleton")
            if isinstance(value, dict) and "nodes" in value:
                return Skeleton.from_json(value)
        for labels in sorted(self.results.folder.glob(f"split/fold*/{self.results.side}.slp")):
            with suppress(InputError, OSError):  # the page is made in any case
                return read_side(labels).skeleton
        return None
