"""Animals of known habits, and what is proposed for them."""

from __future__ import annotations

from typing import Any

from posewright.labels.neighbours import Neighbours
from posewright.labels.statistics import Axis, LabelStatistics, Spread
from posewright.shapes import Size
from posewright.training.settings import propose_settings

APART = Neighbours(500, 1000, touching=0.01, overlapping=0.0, in_contact=0.01, nearest_p05=1.2, nearest_p50=3.0)
MEASURED = LabelStatistics(
    frames=500,
    videos=4,
    animals={2: 500},
    image=Size(512, 512),
    nodes=("nose", "middle", "side", "tail"),
    edges=3,
    is_forest=True,
    mirrored=(),
    length_px=Spread(90.0, 100.0, 110.0),
    spacing_px=Spread(8.0, 12.0, 20.0),
    visibility=(1.0, 0.99, 0.4, 1.0),
    centrality=(0.5, 0.05, 0.01, 0.5),
    extent_px={"": 120.0, "nose": 220.0, "middle": 125.0, "side": 130.0, "tail": 220.0},
    neighbours=APART,
    axis=Axis("tail", "nose", 0.1, 1000),
    motion=0.05,
    named=0.0,
    names=(),
)


def values(model_type: str, measured: LabelStatistics = MEASURED, **given: Any) -> dict[str, Any]:
    """Return the proposed values by the last two parts of their places."""
    found = propose_settings(model_type, measured, given.get("given"))
    return {".".join(one.key.split(".")[-2:]): one.value for one in found}


# --- methods --------------------------------------------------------------------------------------------------------
