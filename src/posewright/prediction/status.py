"""The state of a predicted video: what was expected, what was delivered, and why the two differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from posewright.discretion import publishable
from posewright.files import read_json, write_json

SCHEMA = 1
STATUS_NAME = "status.json"

State = Literal["ok", "partial", "failed", "excluded"]


@dataclass(frozen=True)
class Status:
    """What became of one video.

    Attributes:
        state: ``ok``, ``partial``, ``failed`` or ``excluded``.
        reason: one word for a state other than ``ok``, else empty.
        message: the same in a sentence; for the state ``ok`` what the user should know, mostly nothing.
        frames_expected: frames the row asks for, by the container's account; 0 where that is unknown.
        frames_decoded: frames that were decoded.
        frames_predicted: frames the release was run on, with or without animals in them.
        frames_missing: first and last frame of each range that was expected and not decoded.
        attempts: how many times the video was tried.
        provenance: the record of the prediction; a status written by an older version has none.
    """

    state: State
    reason: str = ""
    message: str = ""
    frames_expected: int = 0
    frames_decoded: int = 0
    frames_predicted: int = 0
    frames_missing: tuple[tuple[int, int], ...] = ()
    attempts: int = 1
    provenance: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def told(self, attempts: int, provenance: Mapping[str, Any]) -> Status:
        """Return the same outcome of a later attempt, with its record."""
        return replace(self, attempts=attempts, provenance=provenance)


def write_status(path: Path, status: Status, key: str) -> None:
    """Write a product's ``status.json``; ``publish_video`` adds the names of video and release."""
    write_json(path, publishable({"schema": SCHEMA, "key": key, **asdict(status)}))


def read_status(path: Path) -> tuple[Status, str] | None:
    """Return a status and the key of its product; None if there is no readable one."""
    try:
        value: dict[str, Any] = read_json(path)
        missing = tuple((int(first), int(last)) for first, last in value["frames_missing"])
        fields = {"provenance": {}, **value}
        fields = {name: fields[name] for name in Status.__dataclass_fields__}
        return Status(**{**fields, "frames_missing": missing}), str(value["key"])
    except (FileNotFoundError, NotADirectoryError, KeyError, TypeError, ValueError):
        return None


def ranges(frames: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Return ascending frame numbers as (first, last) of each run."""
    runs: list[tuple[int, int]] = []
    for frame in frames:
        if runs and runs[-1][1] == frame - 1:
            runs[-1] = (runs[-1][0], frame)
        else:
            runs.append((frame, frame))
    return tuple(runs)
