"""Schemas, the commented defaults and the tables of config/README.md, all generated from the config's own types.

``python -m posewright.config.docs`` writes them below ``config/``; a test fails while they differ.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from posewright.config.data import Augmentation, DataConfig, Geometric, Intensity, Preprocessing
from posewright.config.model import (
    BottomUpHead,
    ClassMaps,
    ClassVectors,
    ConfidenceMapHead,
    ConfidenceMaps,
    ConvNeXt,
    HeadConfigs,
    MultiClassBottomUpHead,
    MultiClassTopDownHead,
    Network,
    PartAffinityFields,
    SwinT,
    UNet,
)
from posewright.config.project import ProjectConfig
from posewright.config.recipe import Own, Recipe
from posewright.config.sections import Section, section_type
from posewright.config.sheet import COLUMNS
from posewright.config.sleap_nn import SET_ASIDE
from posewright.config.trainer import TrainerConfig
from posewright.files import write_text

_WIDTH = 118
_EXAMPLE_NAMES = {"datasets": "animals", "methods": "topdown", "releases": "animals-2026-11"}
_RECIPE_TABLES: dict[str, type[Section]] = {
    "data_config": DataConfig,
    "data_config.preprocessing": Preprocessing,
    "data_config.augmentation_config": Augmentation,
    "data_config.augmentation_config.intensity": Intensity,
    "data_config.augmentation_config.geometric": Geometric,
    "model_config": Network,
    "model_config.backbone_config.unet": UNet,
    "model_config.backbone_config.convnext": ConvNeXt,
    "model_config.backbone_config.swint": SwinT,
    "model_config.head_configs": HeadConfigs,
    "model_config.head_configs.<type>": ConfidenceMapHead,
    "model_config.head_configs.bottomup": BottomUpHead,
    "model_config.head_configs.multi_class_bottomup": MultiClassBottomUpHead,
    "model_config.head_configs.multi_class_topdown": MultiClassTopDownHead,
    "model_config.head_configs.<type>.confmaps": ConfidenceMaps,
    "model_config.head_configs.<type>.pafs": PartAffinityFields,
    "model_config.head_configs.multi_class_bottomup.class_maps": ClassMaps,
    "model_config.head_configs.multi_class_topdown.class_vectors": ClassVectors,
    "trainer_config": TrainerConfig,
    "posewright": Own,
}
_NESTED_TABLES = ("trainer_config",)  #: sections below these have tables of their own


def generated(readme: str) -> dict[str, str]:
    """Return file name below ``config/`` -> text, for all that is generated.

    Args:
        readme: the present config/README.md, whose hand-written parts stay.
    """
    return {
        "schema.json": _json(ProjectConfig.model_json_schema(by_alias=True)),
        "recipe.schema.json": _json(Recipe.model_json_schema(by_alias=True)),
        "config.defaults.yaml": defaults_yaml(),
        "README.md": _with_tables(readme),
    }


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


# --- commented defaults ---------------------------------------------------------------------------------------------


def defaults_yaml() -> str:
    """Return a config with every key at its default, each with its meaning above it."""
    head = (
        "# All keys of config.yaml with their defaults; copy what you change into config.yaml.\n"
        "# Generated from posewright.config by: python -m posewright.config.docs\n"
        "# yaml-language-server: $schema=schema.json\n"
    )
    return head + "".join(f"\n{entry}\n" for entry in _entries(ProjectConfig, 0))


def _entries(section: type[Section], depth: int) -> list[str]:
    """Return one text per key of a section, indented by its depth."""
    return [_entry(field.alias or name, field, depth) for name, field in section.model_fields.items()]


def _entry(key: str, field: FieldInfo, depth: int) -> str:
    indent = "  " * depth
    comment = _comment(field.description or "", indent)
    inner = section_type(field.annotation)
    if inner is not None:
        return "\n".join([f"{comment}\n{indent}{key}:", *_entries(inner, depth + 1)])
    named = _named_section(field.annotation)
    if named is None:
        return f"{comment}\n{indent}{key}: {_spell(_default(field))}"
    entries = "\n".join([f"{indent}  {_EXAMPLE_NAMES[key]}:", *_entries(named, depth + 2)])
    if field.is_required():
        return f"{comment}\n{indent}{key}:\n{entries}"
    sample = "\n".join(f"#{line}" for line in entries.splitlines())
    return f"{comment}\n{indent}{key}: {{}}\n{sample}"


def _named_section(annotation: Any) -> type[Section] | None:
    """Return the section in a ``dict[str, Section]``."""
    return section_type(get_args(annotation)[1]) if get_origin(annotation) is dict else None


def _comment(text: str, indent: str) -> str:
    return "\n".join(textwrap.wrap(text, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# "))


def _default(field: FieldInfo) -> Any:
    return "..." if field.default is PydanticUndefined else field.default


def _spell(value: Any) -> str:
    """Spell a plain value in YAML's flow style."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_spell, value))}]"
    if isinstance(value, str) and value.replace("_", "").replace("-", "").isalnum():
        return value
    return json.dumps(value)


# --- tables ---------------------------------------------------------------------------------------------------------


def tables() -> dict[str, str]:
    """Return marker name -> Markdown, for each generated part of config/README.md."""
    return {
        "config": _config_tables(),
        "sheet": _table(("column", "meaning"), [(f"`{name}`", meaning) for name, meaning in COLUMNS.items()]),
        "recipe": "\n\n".join(_section_table(place, section) for place, section in _RECIPE_TABLES.items()),
        "set aside": _table(("key", "why"), [(f"`{key}`", reason) for key, reason in SET_ASIDE.items()]),
    }


def _config_tables() -> str:
    tables = [_section_table("", ProjectConfig)]
    for name, field in ProjectConfig.model_fields.items():
        named = _named_section(field.annotation)
        inner = named or section_type(field.annotation)
        if inner is not None:
            tables += _nested(f"{name}.<name>" if named else name, inner)
    return "\n\n".join(tables)


def _nested(place: str, section: type[Section]) -> list[str]:
    """Return the table of a section and of those in it."""
    tables = [_section_table(place, section)]
    for name, field in section.model_fields.items():
        inner = section_type(field.annotation)
        if inner is not None:
            tables += _nested(f"{place}.{name}", inner)
    return tables


def _section_table(place: str, section: type[Section]) -> str:
    fields = [(field.alias or name, field) for name, field in section.model_fields.items() if not field.exclude]
    rows = [
        (f"`{name}`", _values(field), _shown_default(field), " ".join((field.description or "").split()))
        for name, field in fields
    ]
    title = f"`{place}`: {_summary(section)}" if place else _summary(section)
    table = f"**{title}**\n\n{_table(('key', 'value', 'default', 'meaning'), rows)}"
    inner = [
        _section_table(f"{place}.{name}", found)
        for name, field in fields
        if place.startswith(_NESTED_TABLES) and (found := section_type(field.annotation)) is not None
    ]
    return "\n\n".join([table, *inner])


def _summary(section: type[Section]) -> str:
    return (section.__doc__ or "").partition("\n")[0].rstrip(".")


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _shown_default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    if isinstance(field.default, Section):
        return "below"
    return f"`{_spell(field.default)}`"


def _values(field: FieldInfo) -> str:
    """Say in words what a key may hold."""
    if section_type(field.annotation) is not None:
        return "map"
    schema = TypeAdapter(field.rebuild_annotation()).json_schema()
    return _words(schema)


def _words(schema: dict[str, Any]) -> str:
    if "anyOf" in schema or "oneOf" in schema:
        return ", ".join(_words(one) for one in schema.get("anyOf") or schema["oneOf"])
    if "$ref" in schema:
        return "map"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return "list" if "prefixItems" in schema else f"list of {_words(schema.get('items', {}))}"
    nouns = {"integer": "whole number", "number": "number", "boolean": "true, false", "string": "text", "object": "map"}
    return nouns.get(str(schema.get("type")), "null") + _bounds(schema)


def _bounds(schema: dict[str, Any]) -> str:
    words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    said = [f"{word} {schema[key]:g}" for key, word in words.items() if key in schema]
    return f" {' '.join(said)}" if said else ""


def _with_tables(readme: str) -> str:
    """Return the page with the text between each pair of markers replaced."""
    for name, table in tables().items():
        begin, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
        before, _, rest = readme.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"config/README.md lacks the markers {begin} and {end}")
        readme = f"{before}{begin}\n\n{table}\n\n{end}{after}"
    return readme


def main(folder: Path) -> None:
    """Write all generated files below a checkout's ``config`` folder."""
    for name, text in generated((folder / "README.md").read_text(encoding="utf-8")).items():
        write_text(folder / name, text)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("config"))
