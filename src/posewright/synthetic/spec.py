"""What a synthetic data set is made of, checked all at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from posewright.errors import InputProblems, Problem
from posewright.shapes import Size

USUAL_SIZE = Size(256, 256)  #: small, so that training on a CPU takes minutes
MIN_SIDE_PX = 64
MIN_LENGTH_PX = 32.0
MAX_LENGTH_PART = 0.45  #: of the shorter side: a longer animal could not turn round
MAX_FILL = 0.6  #: of the image, each animal taking half the square of its length


@dataclass(frozen=True)
class ArenaSpec:
    """One synthetic data set: how many animals, how big, how crowded, how long, and how it is filmed.

    Attributes:
        n_animals: animals in every recording.
        animal_length_px: nose to tail tip of a stretched animal of middle size; individuals differ by a few percent.
        size: the image, both sides even (h264 halves the colour planes).
        crowding: 0, the animals keep apart, to 1, they seek each other and walk over one another.
        n_recordings: number of videos, each with its own floor, light and trajectories.
        n_frames: frames of each recording.
        fps: frames per second.
        n_labeled: labelled frames of each recording, spread evenly over it.
        same_individuals: the same marked individuals in all recordings, or new ones in each.
        noise_gray: standard deviation of the sensor noise at middle gray, in gray levels.
        blur: exposure as a part of the time between frames, 0 for none.
        hut: a shelter with an opaque roof stands in the arena.
        seed: equal seeds give equal frames and equal truth, bit by bit.
    """

    n_animals: int = 2
    animal_length_px: float = 80.0
    size: Size = USUAL_SIZE
    crowding: float = 0.5
    n_recordings: int = 4
    n_frames: int = 150
    fps: float = 25.0
    n_labeled: int = 40
    same_individuals: bool = True
    noise_gray: float = 4.0
    blur: float = 0.5
    hut: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        problems = [Problem(f"synthetic data, {name}", found, remedy) for name, found, remedy in self._faults()]
        if problems:
            raise InputProblems(problems)

    def _faults(self) -> Iterator[tuple[str, str, str]]:
        for name in ("n_animals", "n_recordings", "n_frames", "n_labeled"):
            if getattr(self, name) < 1:
                yield name, f"{getattr(self, name)} is less than one", "give a whole number from 1 up"
        for name, low, high in (("crowding", 0.0, 1.0), ("blur", 0.0, 1.0), ("noise_gray", 0.0, 64.0)):
            if not low <= getattr(self, name) <= high:
                yield name, f"{getattr(self, name)} is outside {low:g} to {high:g}", f"give {low:g} to {high:g}"
        if not (math.isfinite(self.fps) and 1.0 <= self.fps <= 1000.0):
            yield "fps", f"{self.fps} is no frame rate", "give 1 to 1000 frames per second"
        if self.seed < 0:
            yield "seed", f"{self.seed} is negative", "give a whole number from 0 up"
        if self.n_labeled > self.n_frames:
            found = f"{self.n_labeled} frames to label, but only {self.n_frames} in a recording"
            yield "n_labeled", found, "label fewer frames or make the recordings longer"
        yield from self._faults_of_sizes()

    def _faults_of_sizes(self) -> Iterator[tuple[str, str, str]]:
        shorter = min(self.size.height, self.size.width)
        for name, side in (("height", self.size.height), ("width", self.size.width)):
            if side < MIN_SIDE_PX or side % 2:
                yield f"size ({name})", f"{side} px is odd or too small", f"give an even number from {MIN_SIDE_PX} up"
        longest = MAX_LENGTH_PART * shorter
        if not MIN_LENGTH_PX <= self.animal_length_px <= longest:
            found = f"{self.animal_length_px:g} px does not suit an image of {self.size.width} x {self.size.height} px"
            yield (
                "animal_length_px",
                found,
                f"give {MIN_LENGTH_PX:g} to {longest:g} px, or change the size of the image",
            )
        fill = self.n_animals * 0.5 * self.animal_length_px**2 / (self.size.height * self.size.width)
        if fill > MAX_FILL:
            most = int(self.n_animals * MAX_FILL / fill)
            found = f"{self.n_animals} animals of {self.animal_length_px:g} px do not fit into the arena"
            yield "n_animals", found, f"take at most {most}, shorten the animals or enlarge the image"
