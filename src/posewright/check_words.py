"""What a check found, in lines for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posewright.check_forecast import forecast_words
from posewright.config.recipe import set_aside_notes


def headline(facts: Mapping[str, Any]) -> str:
    """Return how many frames, animals and videos there are, as a clause."""
    labels = facts["labels"]
    videos = f"{facts['sheet']['videos']} videos to predict"
    return f"{labels['frames']} labelled frames, {labels['instances']} instances, {videos}" if labels else videos


def details(facts: Mapping[str, Any]) -> list[str]:
    """Return a line for each label file, for each oddity of labels and recipes, and for the forecast."""
    labels = facts["labels"] or {"files": [], "notes": []}
    recipes = [
        f"recipe {name}: {note}"
        for name, found in facts["recipes"].items()
        for note in (*found.get("notes", ()), *set_aside_notes(found["set_aside"]))
    ]
    forecast = f"forecast: {forecast_words(facts['forecast'])}"
    return [*map(_file_line, labels["files"]), *labels["notes"], *recipes, forecast]


def _file_line(file: Mapping[str, Any]) -> str:
    shown = ", ".join(f"{node} {share:.0%}" for node, share in file["visible"].items())
    sizes = ", ".join(f"{width}x{height}" for height, width in file["sizes"]) or "unknown"
    also = f", {file['frames_without_animals']} frames without animals" if file["frames_without_animals"] else ""
    partly = "" if file["complete"] else ", not every animal labelled"
    return (
        f"{file['path']} ({file['kind']}, label source {file['label_source']}{partly}): {file['frames']} frames, "
        f"{file['instances']} instances{also}, {len(file['tracks'])} tracks, images {sizes}; visible: {shown}"
    )
