"""``thresholds.json``: the thresholds a method is run with, chosen on validation frames (`evaluation.tuning`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posewright.errors import InputError
from posewright.files import read_json
from posewright.shapes import DecodeOptions

NAME = "thresholds.json"
SCHEMA = 1
TUNED = ("peak_threshold", "min_instance_score")  #: fields of `DecodeOptions`


def thresholds_record(source: str, thresholds: Mapping[str, float | None]) -> dict[str, Any]:
    """Return the content of the file: where the thresholds come from, and their values; None where not known."""
    return {"schema": SCHEMA, "source": source, **thresholds}


def fixed(options: DecodeOptions, source: str) -> dict[str, Any]:
    """Return the content of the file for thresholds that nobody tuned here."""
    return thresholds_record(source, {name: getattr(options, name) for name in TUNED})


def read_thresholds(path: Path) -> dict[str, Any]:
    """Return the thresholds of the file, as fields of `DecodeOptions`."""
    value = read_json(path)
    if value.get("schema") != SCHEMA:
        raise InputError(f"{path} is no table of thresholds of schema {SCHEMA}; evaluate the method again.")
    return {name: float(value[name]) for name in TUNED}
