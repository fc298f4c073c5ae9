"""The ground under every config section: strict types, and errors that name a key, its place and the nearest known."""

from __future__ import annotations

import re
import types
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from posewright.errors import InputError, InputProblems, Problem, nearest


class Section(BaseModel):
    """One map of a config file: frozen, strictly typed, unknown keys refused, each key documented below it."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        populate_by_name=True,
        protected_namespaces=(),
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )


SomeSection = TypeVar("SomeSection", bound=Section)


def validate(section: type[SomeSection], value: Any, where: str, planned: Collection[str] = ()) -> SomeSection:
    """Return ``value`` as a ``section``; every fault is named at once, with ``where`` (the file) before its key.

    Args:
        section: what the value should be.
        value: maps and lists of a file.
        where: the file.
        planned: dotted places whose defaults only stand in for a plan's values: no rule between keys looks at them.

    Raises:
        InputError: the value is no map, or has faults.
    """
    if not isinstance(value, Mapping):
        raise InputError(f"{where}: a map of keys is needed, found {_kind(value)}.")
    try:
        return section.model_validate(value, context=frozenset(planned))
    except ValidationError as fault:
        raise InputProblems(_problems(section, value, fault.errors(), where)) from None


def _problems(section: type[Section], value: Any, errors: Sequence[Mapping[str, Any]], where: str) -> list[Problem]:
    """Say pydantic's errors in words of the file; what failed every choice of a type is one problem."""
    by_place: dict[tuple[str | int, ...], list[Mapping[str, Any]]] = {}
    for error in errors:
        by_place.setdefault(_in_file(value, error["loc"]), []).append(error)
    return [_problem(section, location, found, where) for location, found in by_place.items()]


def _in_file(value: Any, location: Sequence[str | int]) -> tuple[str | int, ...]:
    """Return the part of a pydantic location that is a place in the file; the rest names choices of a type.

    Tags of a choice begin with a parenthesis, which no key of ours does.
    """
    place: list[str | int] = []
    for part in location:
        if isinstance(part, str) and part.startswith("("):
            continue
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, (list, tuple)) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            break
        place.append(part)
    return tuple(place)


def _problem(
    section: type[Section], location: tuple[str | int, ...], errors: Sequence[Mapping[str, Any]], where: str
) -> Problem:
    place = f"{where} key {dotted(location)}" if location else where
    first = errors[0]
    if first["type"] == "extra_forbidden":
        known = known_keys(section, location[:-1])
        return Problem(place, f"unknown key {str(location[-1])!r}", nearest(str(location[-1]), known))
    if first["type"] == "missing":
        what = "an entry of the list" if isinstance(first["loc"][-1], int) else "the key"
        return Problem(place, f"{what} is missing", "add it")
    said = [str(error["msg"]).removeprefix("Value error, ").removeprefix("Input ").rstrip(".") for error in errors]
    said = [words.replace("a valid tuple", "a list") for words in said]
    given = first.get("input")
    found = "" if isinstance(given, Mapping) else f"found {given!r}: "
    return Problem(place, found + " or ".join(said), "correct the value")


def dotted(location: Sequence[str | int]) -> str:
    """Spell a place in nested maps and lists: ``methods.topdown.recipes[1]``."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def known_keys(section: type[Section], location: Sequence[str | int]) -> list[str]:
    """Return the keys that the section at ``location`` inside ``section`` knows, as spelled in files."""
    found: type[Section] | None = section
    rest: Any = None
    for part in location:
        if found is not None:
            field = next(
                (field for name, field in found.model_fields.items() if part in (name, field.alias)),
                None,
            )
            rest = field.annotation if field is not None else None
        else:
            rest = _item_type(rest)
        found = section_type(rest)
    if found is None:
        return []
    return [field.alias or name for name, field in found.model_fields.items() if not field.exclude]


def section_type(annotation: Any) -> type[Section] | None:
    """Return the section a field's type names, alone or as ``Section | None``; None for other types."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    if get_origin(annotation) is Annotated:
        return section_type(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return next((found for part in get_args(annotation) if (found := section_type(part)) is not None), None)
    return None


def _item_type(annotation: Any) -> Any:
    """Return the type of the items of a ``dict[str, X]`` or ``tuple[X, ...]``, also where it may be None."""
    while get_origin(annotation) in (Annotated, Union, types.UnionType):
        annotation = get_args(annotation)[0]
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        return arguments[1]
    return arguments[0] if arguments else None


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"{type(value).__name__} {value!r}"


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # yaml comes without types
    """Safe YAML, with ``1e-4`` read as a number (as the peer does) and a key given twice refused."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, (list, dict)) or key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands there twice", key_node.start_mark
                )
            seen.add(key)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def read_yaml(path: Path) -> Any:
    """Read a YAML file; a fault names the file, line and column."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except FileNotFoundError:
        raise InputError(f"{path}: the file does not exist; correct the path.") from None
    except (OSError, UnicodeDecodeError) as fault:
        raise InputError(f"{path}: the file cannot be read ({fault}).") from None
    except yaml.YAMLError as fault:
        raise InputError(f"{path}: no valid YAML: {' '.join(str(fault).split())}.") from None
