"""What prediction asks of its parts: an estimator that finds poses in images, and a tracker that names them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from posewright.labels.skeleton import Skeleton
from posewright.shapes import PoseBatch


class Estimator(Protocol):
    """Finds poses in images."""

    @property
    def skeleton(self) -> Skeleton:
        """The body parts it finds."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """The identities that the poses' class ids mean; none where it tells no individuals apart."""
        ...

    def predict(self, images: NDArray[np.uint8]) -> PoseBatch:
        """Return the poses in ``images [batch height width channel]``, in pixels of these images."""
        ...


class Tracker(Protocol):
    """Names instances so that an animal keeps its name from frame to frame."""

    def update(self, poses: PoseBatch) -> list[str | None]:
        """Return a track name for each row of the next frame's poses; None where a row has no track."""
        ...

    def reset(self) -> None:
        """Forget everything; call it between videos."""
        ...

    def state(self) -> dict[str, Any]:
        """Return all that later answers depend on, as plain JSON data."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a saved state, as if the frames before it had been seen."""
        ...
