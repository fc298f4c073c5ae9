"""A dataset's results described as an RO-Crate: what each file is, and which step made it of what, when and with what.

The folder ``results/<dataset>`` becomes the crate by one file more. RO-Crate 1.1 with the profile Process Run Crate 0.5
(https://w3id.org/ro/wfrun/process/0.5): a recorded artefact is the result of a CreateAction, whose instrument is a
stage of Posewright at a commit, with the packages it ran on.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from posewright import __version__
from posewright.discretion import publishable
from posewright.errors import InputError
from posewright.files import digest_of, file_digest, write_json
from posewright.records import Artefact, read_records

NAME = "ro-crate-metadata.json"
_CRATE = "https://w3id.org/ro/crate/1.1"
_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_CONTEXT = [f"{_CRATE}/context", "https://w3id.org/ro/terms/workflow-run/context"]
_DONE = "http://schema.org/CompletedActionStatus"
_KINDS = {
    ".slp": "application/x-hdf5",
    ".parquet": "application/vnd.apache.parquet",
    ".tsv": "text/tab-separated-values",
    ".posewright": "application/zip",
}
_WORKFLOW = "#posewright"
_OF_DATASET = ("check.json", "split", "videos")  #: one of them is there as soon as a dataset has results

Entity = dict[str, Any]


@dataclass
class Crate:
    """The graph of a crate while it grows.

    Attributes:
        results: the folder that it describes, ``results/<dataset>``.
        entities: ``@id`` -> entity, in the order in which they came.
        changed: files that are not what their record says, below the folder.
    """

    results: Path
    entities: dict[str, Entity] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)

    def add(self, identity: str, kind: str, /, **properties: Any) -> Entity:
        """Add an entity if it is new; return a reference to it. Properties without a value are left out."""
        told = {key: value for key, value in properties.items() if value not in (None, "", [], {})}
        self.entities.setdefault(identity, {"@id": identity, "@type": kind, **told})
        return {"@id": identity}


def write_crate(results: Path) -> list[str]:
    """Describe ``results/<dataset>`` as an RO-Crate; return the files that are not what their record says.

    Raises:
        InputError: there are no results, or those of whole datasets lie below.
    """
    datasets = [path.name for path in sorted(results.glob("*")) if any((path / part).exists() for part in _OF_DATASET)]
    if datasets and not any((results / part).exists() for part in _OF_DATASET):
        raise InputError(
            f"{results} holds the results of {', '.join(datasets)}, and a crate describes those of one dataset; name "
            f"them one by one, as in: posewright crate {' '.join((results / name).as_posix() for name in datasets)}"
        )
    files = sorted(path for path in results.rglob("*") if path.is_file() and path.name != NAME)
    files = [path for path in files if not any(part.startswith(".") for part in path.relative_to(results).parts)]
    if not files:
        raise InputError(f"{results} holds no results; run the workflow first (posewright run), or name a dataset.")
    crate = Crate(results)
    crate.add(NAME, "CreativeWork", about={"@id": "./"}, conformsTo={"@id": _CRATE})
    root = crate.add("./", "Dataset")
    parts = [_file(crate, path) for path in files]
    crate.add(_PROFILE, "CreativeWork", name="Process Run Crate", version="0.5")
    _workflow(crate)
    actions = [_action(crate, artefact) for artefact in read_records(results) if artefact.record]
    crate.entities["./"] = {
        **root,
        "@type": "Dataset",
        "name": f"Posewright results on {results.name}",
        "description": "Animal poses, the models that found them, and how good they are; made by Posewright.",
        "datePublished": datetime.now(UTC).date().isoformat(),
        "license": crate.add(
            "#licence", "CreativeWork", name="Not stated", description="Ask whoever made these results; write it here."
        ),
        "conformsTo": {"@id": _PROFILE},
        "hasPart": parts,
        "mentions": actions,
    }
    write_json(results / NAME, {"@context": _CONTEXT, "@graph": publishable(list(crate.entities.values()))})
    return crate.changed


def _file(crate: Crate, path: Path) -> Entity:
    place = path.relative_to(crate.results)
    return crate.add(
        quote(place.as_posix()),
        "File",
        name=place.as_posix(),
        contentSize=str(path.stat().st_size),
        sha256=file_digest(path),
        encodingFormat=_KINDS.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream",
    )


def _workflow(crate: Crate) -> None:
    language = crate.add(
        "https://snakemake.github.io", "ComputerLanguage", name="Snakemake", url="https://snakemake.github.io"
    )
    crate.add(
        _WORKFLOW,
        "SoftwareSourceCode",
        name="Posewright",
        description="Snakemake workflow for animal pose estimation: trains, compares and applies models.",
        version=__version__,
        programmingLanguage=language,
    )


def _action(crate: Crate, artefact: Artefact) -> Entity:
    record = artefact.record
    results = [path for path in artefact.files() if path.name in (record.get("outputs") or {})]
    crate.changed += [
        path.relative_to(crate.results).as_posix() for path in results if _is_changed(crate, path, record["outputs"])
    ]
    return crate.add(
        f"#{quote(artefact.name)}",
        "CreateAction",
        name=f"{record['stage']}: {artefact.name}",
        description=_cost(record),
        instrument=_stage(crate, record),
        object=list(_inputs(crate, record.get("inputs") or {})),
        result=[{"@id": quote(path.relative_to(crate.results).as_posix())} for path in results],
        actionStatus={"@id": _DONE},
        startTime=record.get("started"),
        endTime=record.get("ended"),
    )


def _is_changed(crate: Crate, path: Path, outputs: Mapping[str, Any]) -> bool:
    now = crate.entities[quote(path.relative_to(crate.results).as_posix())]["sha256"]
    return bool(now != outputs[path.name]["sha256"])


def _stage(crate: Crate, record: Mapping[str, Any]) -> Entity:
    """Return the stage as the software that did it, at its version and commit and on its packages."""
    packages = record.get("packages") or {}
    machine = record.get("machine") or {}
    requirements = {**packages, "python": machine.get("python"), "cuda": machine.get("cuda")}
    needs = [
        crate.add(f"#{name}-{quote(str(version))}", "SoftwareApplication", name=name, softwareVersion=str(version))
        for name, version in sorted(requirements.items())
        if version and name != "posewright"
    ]
    version, commit = record.get("stage_version"), record.get("git_commit")
    mark = digest_of([version, commit, requirements])[:12]
    return crate.add(
        f"#{record['stage']}-{mark}",
        "SoftwareApplication",
        name=f"Posewright {record['stage']}",
        softwareVersion=f"{packages.get('posewright')}, stage version {version}, commit {commit or 'unknown'}",
        isPartOf={"@id": _WORKFLOW},
        softwareRequirements=needs,
    )


def _inputs(crate: Crate, inputs: Mapping[str, str]) -> Iterator[Entity]:
    """Yield what went in: files of this crate as such, everything else by name and digest."""
    inside = f"results/{crate.results.name}/"
    for path, digest in inputs.items():
        place = quote(path.removeprefix(inside)) if path.startswith(inside) else None
        stated = [f"{place}/{name}" for name in ("split.json", "model.json", "release.json")] if place else []
        known = next((name for name in (place, *stated) if name in crate.entities), None)
        if known is not None:
            yield {"@id": known}
        else:
            mark = digest_of([path, digest])[:12]
            yield crate.add(f"#input-{mark}", "CreativeWork", name=str(publishable(path)), identifier=digest)


def _cost(record: Mapping[str, Any]) -> str:
    machine = record.get("machine") or {}
    told: Iterable[tuple[str, Any]] = (
        ("on", machine.get("device")),
        ("Slurm job", machine.get("slurm_job")),
        ("tries", record.get("attempts")),
        ("resumes", record.get("resumes")),
        ("wall seconds", record.get("wall_s")),
        ("processor seconds", record.get("cpu_s")),
        ("peak memory in MB", record.get("peak_memory_mb")),
    )
    return ", ".join(f"{name} {value}" for name, value in told if value is not None)
