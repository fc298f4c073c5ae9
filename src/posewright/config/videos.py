"""What is made of predicted videos beyond their poses."""

from __future__ import annotations

from posewright.config.data import Count
from posewright.config.sections import Section


class SuggestConfig(Section):
    """Which frames are suggested to be labelled next (target `suggest`)."""

    count: Count = 20
    """How many frames, of all videos together."""
    apart_frames: Count = 30
    """Two suggested frames of one video, and a suggested and a labelled one, are at least so far apart."""
