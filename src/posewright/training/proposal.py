"""A value that was measured from the labels, and why it is that one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Proposal:
    """One proposed setting.

    Attributes:
        key: dotted place in a recipe, or a key of config.yaml.
        value: what stands there in a file.
        reason: full sentences with the measured numbers.
    """

    key: str
    value: Any
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Proposal:
        """Rebuild a proposal from what `to_json` gave."""
        return cls(**value)


def percent(part: float) -> str:
    """Return a part in percent: two digits, and small parts not as nothing."""
    shown = f"{100 * part:.0f}" if part >= 0.01 or part == 0 else f"{100 * part:.1g}"
    return f"{shown} %"
