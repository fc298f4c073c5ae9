"""The records of a dataset's results read back, and the table of all of them: one row an artefact."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posewright.config.stages import STAGE_VERSION
from posewright.files import read_json, write_text
from posewright.provenance import NAME, recorded_files

COLUMNS = (
    "dataset",
    "artefact",
    "stage",
    "version",
    "digests",
    "commit",
    "device",
    "slurm_job",
    "run",
    "started",
    "attempts",
    "resumes",
    "wall_s",
    "cpu_s",
    "peak_memory_mb",
)
_VIDEOS = "videos"
_STATUS = "status.json"
_DIGITS = 16  #: of each digest in the table; the records hold all


@dataclass(frozen=True)
class Artefact:
    """A finished piece of a dataset's results and what is recorded of it.

    Attributes:
        name: its place below ``results/<dataset>``, such as ``models/instance/fold0_seed0``, ``check`` or
            ``videos/dev-topdown/v1``.
        path: the file that holds the record.
        record: see `posewright.provenance.Record.to_json`; empty where it is damaged or an older version wrote none.
    """

    name: str
    path: Path
    record: Mapping[str, Any]

    @property
    def is_video(self) -> bool:
        """Whether it is a predicted video, whose record is part of its status."""
        return self.path.name == _STATUS

    def files(self) -> list[Path]:
        """Return the files it consists of."""
        if self.is_video:
            return sorted(path for path in self.path.parent.iterdir() if path.is_file())
        return recorded_files(self.path)


def read_records(results: Path, *, videos: bool = True) -> list[Artefact]:
    """Return every recorded artefact of ``results/<dataset>`` in the order of the stages, predicted videos last.

    Reading them all is one small file each; without ``videos`` no folder of a video is looked into.
    """
    stages = list(STAGE_VERSION)
    paths = [path for place in results.glob("*") for path in _below(place)]
    artefacts = [Artefact(_name(path.relative_to(results)), path, _read(path)) for path in paths]
    place = {one.name: stages.index(stage) if (stage := one.record.get("stage")) in stages else -1 for one in artefacts}
    found = sorted(artefacts, key=lambda one: (place[one.name], one.name))
    if videos:
        found += [
            Artefact(path.parent.relative_to(results).as_posix(), path, _read(path).get("provenance") or {})
            for path in sorted(results.glob(f"{_VIDEOS}/*/*/{_STATUS}"))
        ]
    return found


def write_table(results: Path, datasets: Iterable[str], out: Path) -> None:
    """Write the table of all records of a project, tab-separated: one row for each artefact that has one."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(row for dataset in datasets for row in _rows(results / dataset))
    write_text(out, text.getvalue())


def _rows(results: Path) -> Iterator[dict[str, Any]]:
    for artefact in read_records(results):
        record = artefact.record
        if not record:
            continue
        machine = record.get("machine") or {}
        outputs = record.get("outputs") or {}
        told = {
            "dataset": results.name,
            "artefact": artefact.name,
            "version": record.get("stage_version"),
            "commit": record.get("git_commit"),
            "device": machine.get("device"),
            "slurm_job": machine.get("slurm_job"),
            "digests": " ".join(f"{name}={file['sha256'][:_DIGITS]}" for name, file in sorted(outputs.items())),
        }
        row = {name: told.get(name, record.get(name)) for name in COLUMNS}
        yield {name: "" if value is None else value for name, value in row.items()}


def _below(place: Path) -> Iterator[Path]:
    """Yield the records at a place of the results; of videos only those of whole releases, for there are thousands."""
    if not place.is_dir():
        return iter([place] if place.name.endswith(f".{NAME}") else [])
    return place.glob(f"*/{NAME}") if place.name == _VIDEOS else place.rglob(f"*{NAME}")


def _name(path: Path) -> str:
    return path.as_posix().removesuffix(NAME)[:-1]  # with the slash or the dot before it


def _read(path: Path) -> dict[str, Any]:
    try:
        value = read_json(path)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
