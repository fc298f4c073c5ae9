"""How well two series of numbers agree, gathered piece by piece: means, correlation and concordance."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from posewright.evaluation.videos.stretches import Float


@dataclass
class Mean:
    """The mean of a series with gaps."""

    n: int = 0
    total: float = 0.0

    def add(self, values: Float) -> None:
        """Go on with more values; NaN is a gap."""
        known = values[~np.isnan(values)]
        self.n += len(known)
        self.total += float(known.sum())

    @property
    def value(self) -> float:
        """The mean; NaN of nothing."""
        return self.total / self.n if self.n else float("nan")


@dataclass
class Agreement:
    """Two series compared where both have a value.

    Attributes:
        n: number of pairs.
        means: of each series over the pairs.
        squares: sums of squared deviations of each from its mean.
        products: sum of the products of deviations.
    """

    n: int = 0
    means: Float = field(default_factory=lambda: np.zeros(2))
    squares: Float = field(default_factory=lambda: np.zeros(2))
    products: float = 0.0

    def add(self, a: Float, b: Float) -> None:
        """Go on with more pairs (Chan, Golub & LeVeque 1983); a pair with NaN is none."""
        pairs = np.stack([a, b])[:, ~(np.isnan(a) | np.isnan(b))]
        n = pairs.shape[1]
        if not n:
            return
        means = pairs.mean(axis=1)
        deviations = pairs - means[:, None]
        shift, total = means - self.means, self.n + n
        self.squares = self.squares + (deviations**2).sum(axis=1) + shift**2 * self.n * n / total
        self.products += float(deviations[0] @ deviations[1] + shift[0] * shift[1] * self.n * n / total)
        self.means = self.means + shift * n / total
        self.n = total

    @property
    def correlation(self) -> float:
        """Pearson's r; NaN where one series does not vary."""
        spread = float(np.sqrt(self.squares.prod()))
        return self.products / spread if spread > 0 else float("nan")

    @property
    def concordance(self) -> float:
        """Lin's (1989) concordance: 1 where the values are equal, less where they are merely correlated."""
        if not self.n:
            return float("nan")
        apart = float(self.squares.sum() / self.n + (self.means[0] - self.means[1]) ** 2)
        return 2 * self.products / self.n / apart if apart > 0 else 1.0
