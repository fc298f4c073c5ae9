"""The word ``auto`` in a recipe: where it may stand, and how the plan's values take its place."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from pydantic import GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema

from posewright.config.sections import Section, section_type

AUTO = "auto"


class OrAuto:
    """Marks a key that may also say ``auto``: its value is then the one that the plan measured from the labels."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Let editors and tables know the word."""
        return {"anyOf": [handler(schema), {"const": AUTO}]}


def without_auto(section: type[Section], value: Any) -> tuple[Any, tuple[str, ...]]:
    """Return a section's map without the keys that say ``auto``, and their dotted places, sorted.

    Where the word may not stand it stays, and is refused as any wrong value is.
    """
    rest = copy.deepcopy(value)
    return rest, tuple(sorted(_taken(section, rest, "")))


def _taken(section: type[Section], value: Any, place: str) -> list[str]:
    if not isinstance(value, dict):
        return []
    found = []
    for name, field in section.model_fields.items():
        key = field.alias if field.alias in value else name
        inner = section_type(field.annotation)
        if inner is not None:
            found += _taken(inner, value.get(key), f"{place}{field.alias or name}.")
        elif value.get(key) == AUTO and any(isinstance(mark, OrAuto) for mark in field.metadata):
            del value[key]
            found.append(f"{place}{name}")
    return found


def is_planned(info: ValidationInfo, *places: str) -> bool:
    """Return whether the recipe that is being read leaves one of the dotted places to the plan."""
    return any(place in (info.context or ()) for place in places)


def at(tree: Mapping[str, Any], place: str) -> Any:
    """Return the value at a dotted place of nested maps; None where there is none."""
    value: Any = tree
    for key in place.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def put(tree: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of nested maps with values at dotted places; the maps on the way exist."""
    filled = copy.deepcopy(tree)
    for place, value in values.items():
        *path, last = place.split(".")
        found = filled
        for key in path:
            found = found[key]
        found[last] = value
    return filled
