"""What is made of predicted videos beyond their poses."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from posewright.config.data import Count
from posewright.config.sections import Section


class SuggestConfig(Section):
    """Which frames are suggested to be labelled next (target `suggest`)."""

    count: Count = 20
    """How many frames, of all videos together."""
    apart_frames: Count = 30
    """Two suggested frames of one video, and a suggested and a labelled one, are at least so far apart."""


class BehaviourConfig(Section):
    """Simple measures of behaviour, to see whether conclusions depend on which release predicted the videos."""

    body_ends: Annotated[tuple[str, str], Field(strict=False)] | None = None
    """Two nodes whose distance is the body length; null: the two that are farthest apart in the poses."""
    contact_body_lengths: Annotated[float, Field(gt=0.0)] = 0.05
    """Animals are in contact where a node of each is nearer than that to the other, in body lengths."""
