"""Where an artefact comes from: inputs, settings, code, packages, machine and what it cost, as JSON beside it.

Every stage is recorded in one way: its script does the work inside `recording`, which writes the record when the work
has ended well. Records tell of clocks and hosts, so nothing that is made depends on one, and rules need not declare
them: for want of its record alone no split or model should be made again. ``posewright.records`` reads them back.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from posewright.config.stages import STAGE_VERSION
from posewright.discretion import publishable
from posewright.effort import Effort, Journal, Stopwatch
from posewright.files import digest_of, file_digest, read_json, write_json
from posewright.labels.digest import labels_digest
from posewright.modules import loaded_modules
from posewright.runs import RUN_VARIABLE
from posewright.surroundings import git_commit, machine, package_versions

SCHEMA = 2
NAME = "provenance.json"
_CONTENT = {"split.json": "digest", "release.json": "digest", "model.json": "weights_sha256"}
_FOREIGN = "best.ckpt"  #: what tells a model folder of another program
_SAMPLE = 1 << 16


@dataclass
class Record:
    """What is told of one artefact, from when the work on it begins.

    Attributes:
        stage: name of the rule.
        inputs: path of each input -> its digest, see `digests`.
        params: the settings that determined the result, JSON-able.
        seed: of the run, None where chance plays no part.
        facts: what only this stage can tell, under names of its own.
        effort: what it cost, where the watch does not know all of it.
        watch: measures what it costs.
    """

    stage: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    params: Any = None
    seed: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    effort: Effort | None = None
    watch: Stopwatch = field(default_factory=Stopwatch)

    def to_json(self, outputs: Iterable[Path] = (), *, modules: bool = True) -> dict[str, Any]:
        """Return the record; ``outputs`` are the artefact's files, told with their digests.

        Without ``modules`` it leaves out the digests of the code, which take more room than all the rest.
        """
        effort = asdict(self.effort or self.watch.effort())
        told = {
            **self.facts,
            "schema": SCHEMA,
            "stage": self.stage,
            "stage_version": STAGE_VERSION.get(self.stage),
            "run": os.environ.get(RUN_VARIABLE),
            "inputs": dict(self.inputs),
            "outputs": {path.name: {"sha256": file_digest(path), "bytes": path.stat().st_size} for path in outputs},
            "params": self.params,
            "seed": self.seed,
            "started": _stamp(effort.pop("started")),
            "ended": _stamp(time.time()),
            **{name: round(value, 3) for name, value in effort.items()},
            "machine": machine(),
            "packages": package_versions(),
            "git_commit": git_commit(),
            **({"modules": loaded_modules()} if modules else {}),
        }
        return dict(publishable(told))


@contextmanager
def recording(
    path: Path,
    stage: str,
    *,
    inputs: Iterable[Path] = (),
    labels: Iterable[Path] = (),
    params: Any = None,
    seed: int | None = None,
    tries: Path | None = None,
) -> Iterator[Record]:
    """Do the work of a stage inside this; when it ends well, its record is written.

    Args:
        path: where the record belongs, ``NAME`` in the folder of what is made, or `beside` a file.
        stage: name of the rule.
        inputs: files and folders it is made of.
        labels: label files it is made of.
        params: the settings that determine the result, JSON-able.
        seed: of the run, None where chance plays no part.
        tries: file that counts the tries until one ends well; by default hidden beside the record.

    Yields:
        The record, for facts of the stage's own.
    """
    if int(os.environ.get("LOCAL_RANK") or 0) > 0:  # one of several processes of a training: the first one tells
        yield Record(stage)
        return
    path.unlink(missing_ok=True)  # it tells of what is about to be replaced
    told = {**digests(inputs), **{path.as_posix(): f"content:{labels_digest(path)}" for path in labels}}
    record = Record(stage, told, params, seed, watch=Stopwatch(of_process=True))
    work = digest_of([stage, STAGE_VERSION.get(stage), told, params, seed])
    journal = Journal(tries or path.with_name(f".{path.name}.tries"), work)
    with journal.attempt(resumes=False, watch=record.watch):
        yield record
    record.effort = record.effort or journal.total()
    write_json(path, record.to_json(recorded_files(path)))
    journal.forget()


def beside(file: Path) -> Path:
    """Return where the record of a single file belongs, which shares its folder with others."""
    return file.with_name(f"{file.stem}.{NAME}")


def recorded_files(record: Path) -> list[Path]:
    """Return the files that a record tells of; hidden ones are unfinished."""
    name = record.name.removesuffix(NAME).removesuffix(".")
    found = record.parent.glob(f"{name}.*" if name else "[!.]*")
    return sorted(path for path in found if path.is_file() and path != record)


def digests(inputs: Iterable[Path]) -> dict[str, str]:
    """Return path -> digest of each input; one that is not there has none.

    ``content:`` is the digest that a file states of its content, ``sha256:`` that of its bytes; a folder is told by the
    file in it that states its content.
    """
    return {path.as_posix(): _digest(path) for path in inputs}


def sampled_digest(path: Path) -> str:
    """Return a digest of a large file's size, begin, middle and end, 64 KiB each; a folder's of its files' names."""
    try:
        if path.is_dir():
            return "names:" + hashlib.sha256("\0".join(sorted(os.listdir(path))).encode()).hexdigest()
        size = path.stat().st_size
        digest = hashlib.sha256(str(size).encode())
        with path.open("rb") as stream:
            for place in (0, max(0, size // 2 - _SAMPLE // 2), max(0, size - _SAMPLE)):
                stream.seek(place)
                digest.update(stream.read(_SAMPLE))
    except OSError:
        return "none"
    return f"sampled:{digest.hexdigest()}"


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _digest(path: Path) -> str:
    if path.is_dir():
        path = next((path / name for name in (*_CONTENT, _FOREIGN) if (path / name).is_file()), path)
    if not path.is_file():
        return "none"
    if path.name in _CONTENT:
        stated = read_json(path).get(_CONTENT[path.name])
        if stated:
            return f"content:{stated}"
    return f"sha256:{file_digest(path)}"
