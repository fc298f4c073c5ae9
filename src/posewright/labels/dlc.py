"""DeepLabCut's own label tables, read with nothing but the csv module: nodes in the file's order, images by name."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from posewright.errors import InputError

_HEADER = ("scorer", "individuals", "bodyparts", "coords")
_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True)
class DlcTable:
    """One ``CollectedData`` csv.

    Attributes:
        path: the csv.
        nodes: body parts in the order of the header.
        rows: image path as stored (``labeled-data/<video>/<image>``) -> individual (None: single animal) ->
            node -> (x, y); only marked nodes.
        edges: pairs of node names from the project's config, those whose nodes exist.
    """

    path: Path
    nodes: tuple[str, ...]
    rows: dict[str, dict[str | None, dict[str, tuple[float, float]]]]
    edges: tuple[tuple[str, str], ...] = ()


def is_dlc(path: Path) -> bool:
    """Return whether a path is a DeepLabCut project, its config.yaml or one of its csv tables."""
    return path.suffix.lower() == ".csv" or path.name == "config.yaml" or (path / "config.yaml").is_file()


def read_dlc(path: Path) -> list[DlcTable]:
    """Read a ``CollectedData`` csv, or all of a project given by its folder or config.yaml."""
    if path.suffix.lower() == ".csv":
        return [_read_table(path, _edges_near(path))]
    config = path / "config.yaml" if path.is_dir() else path
    settings = _read_config(config)
    folders = sorted(folder for folder in (config.parent / "labeled-data").glob("*") if folder.is_dir())
    edges = _edges(settings)
    tables = [csv_path for folder in folders if (csv_path := _table_of(folder, settings.get("scorer"))) is not None]
    if not tables:
        raise InputError(
            f"{config}: no CollectedData csv lies below labeled-data; label frames in DeepLabCut first, "
            "or name the csv files themselves."
        )
    return [_read_table(table, edges) for table in tables]


def dlc_files(path: Path) -> list[Path]:
    """Return the files that `read_dlc` would read."""
    if path.suffix.lower() == ".csv":
        config = _config_near(path)
        return [path] if config is None else [path, config]
    config = path / "config.yaml" if path.is_dir() else path
    return [config, *(table.path for table in read_dlc(path))]


def _table_of(folder: Path, scorer: Any) -> Path | None:
    """Return the csv of a labelled folder: that of the project's scorer, else the only one."""
    own = folder / f"CollectedData_{scorer}.csv"
    if own.is_file():
        return own
    others = sorted(folder.glob("CollectedData*.csv"))
    if len(others) > 1:
        listed = ", ".join(other.name for other in others)
        raise InputError(
            f"{folder}: several label tables ({listed}) and none of scorer {scorer!r}; name the right csv itself."
        )
    return others[0] if others else None


def _read_table(path: Path, edges: tuple[tuple[str, str], ...]) -> DlcTable:
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            lines = [line for line in csv.reader(stream) if any(line)]
    except (OSError, UnicodeDecodeError) as fault:
        raise InputError(f"{path}: the file cannot be read ({fault}).") from None
    header = {line[0]: line for line in lines[:4] if line[0] in _HEADER}
    if not {"bodyparts", "coords"} <= header.keys():
        raise InputError(
            f"{path}: no DeepLabCut label table; its first lines must begin with scorer, bodyparts and coords."
        )
    bodyparts, coords = header["bodyparts"], header["coords"]
    if "likelihood" in coords:
        raise InputError(
            f"{path}: the table holds predictions (a likelihood column), not labels; "
            "name the CollectedData csv below labeled-data."
        )
    individuals = header.get("individuals")
    first = next(column for column in range(1, len(coords)) if coords[column])
    rows: dict[str, dict[str | None, dict[str, tuple[float, float]]]] = {}
    for number, line in enumerate(lines[len(header) :], start=len(header) + 1):
        image = "/".join(part.replace("\\", "/").strip("/") for part in line[:first] if part)
        if image in rows:
            raise InputError(f"{path} row {number}: the image {image} stands there twice; remove one row.")
        rows[image] = _marked(line, first, bodyparts, individuals, f"{path} row {number}")
    nodes = tuple(dict.fromkeys(bodyparts[first:]))
    return DlcTable(path, nodes, rows, tuple(edge for edge in edges if set(edge) <= set(nodes)))


def _marked(
    line: list[str], first: int, bodyparts: list[str], individuals: list[str] | None, where: str
) -> dict[str | None, dict[str, tuple[float, float]]]:
    """Return the marked nodes of one row; columns come in pairs x, y."""
    found: dict[str | None, dict[str, tuple[float, float]]] = {}
    for column in range(first, len(bodyparts) - 1, 2):
        x, y = (line[column], line[column + 1]) if column + 1 < len(line) else ("", "")
        if x.strip().lower() in ("", "nan") or y.strip().lower() in ("", "nan"):
            continue
        try:
            point = (float(x), float(y))
        except ValueError:
            raise InputError(f"{where}: {x!r}, {y!r} is no point of {bodyparts[column]}; correct the row.") from None
        found.setdefault(individuals[column] if individuals else None, {})[bodyparts[column]] = point
    return found


def _read_config(path: Path) -> dict[str, Any]:
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as fault:
        raise InputError(
            f"{path}: the DeepLabCut project file cannot be read ({' '.join(str(fault).split())})."
        ) from None
    if not isinstance(value, dict) or not {"bodyparts", "scorer", "multianimalbodyparts"} & value.keys():
        raise InputError(f"{path}: no DeepLabCut project file (it names no scorer and no bodyparts).")
    return value


def _config_near(table: Path) -> Path | None:
    """Return the project file of a csv in ``<project>/labeled-data/<video>/``."""
    config = table.resolve().parent.parent.parent / "config.yaml"
    return config if table.resolve().parent.parent.name == "labeled-data" and config.is_file() else None


def _edges_near(table: Path) -> tuple[tuple[str, str], ...]:
    config = _config_near(table)
    return _edges(_read_config(config)) if config is not None else ()


def _edges(settings: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    pairs = settings.get("skeleton") or []
    return tuple((str(pair[0]), str(pair[1])) for pair in pairs if isinstance(pair, list) and len(pair) == 2)


def image_names(folder: Path) -> list[str]:
    """Return the sorted names of all images in a folder."""
    return sorted(entry.name for entry in folder.iterdir() if entry.suffix.lower() in _IMAGE_SUFFIXES)
