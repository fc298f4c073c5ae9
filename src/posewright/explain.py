"""What a run would do and why, in words: from a dry run, the params of the last one, and the provenance files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from posewright.config.project import load_project
from posewright.config.stages import STAGE_VERSION
from posewright.driving import config_of, project_of, require_config, snakemake_command, with_path
from posewright.dry_run import PlannedJob, planned_jobs
from posewright.layout import read_rows
from posewright.modules import changed_modules
from posewright.records import read_records

_MOST = 6  #: names listed before the rest is counted
_FLAGS = {
    "other_inputs": "other inputs than last time",
    "other_rule": "the rule itself changed in the workflow",
    "other_software": "its software environment changed",
    "forced": "asked for by --force or --forceall",
}
_LABELS = ("labels", "recordings")  # digests: their values tell nobody anything


def explain(words: Sequence[str], root: Path) -> int:
    """Print what Snakemake would do with these words and why; return its exit code.

    Raises:
        InputError: there is no project.
    """
    require_config(words)
    command = [*snakemake_command(words, root), "--dry-run"]
    done = subprocess.run(command, env=with_path(dict(os.environ)), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print((done.stdout + done.stderr).strip(), file=sys.stderr)
        return done.returncode
    project = project_of(words)
    jobs = [job for job in planned_jobs(done.stdout) if job.rule in STAGE_VERSION]
    print("\n".join([*told(jobs, project), *unchanged(project, config_of(words), jobs)]))
    return 0


def told(jobs: Sequence[PlannedJob], project: Path) -> list[str]:
    """Return lines on all jobs: raised versions first, then stage by stage what would run and for which reasons."""
    if not jobs:
        return ["Nothing would be run: all results are there and stand for what the project now says."]
    makers = {output: job.rule for job in jobs for output in job.outputs}
    by_stage: dict[str, list[PlannedJob]] = defaultdict(list)
    for job in jobs:
        by_stage[job.rule].append(job)
    lines, details = [], []
    for stage in [name for name in STAGE_VERSION if name in by_stage]:
        reasons: dict[str, list[PlannedJob]] = defaultdict(list)
        for job in by_stage[stage]:
            for reason in _reasons(job, makers, project):
                reasons[reason].append(job)
        lines += [f"NEW VERSION: {stage}: {reason}" for reason in reasons if reason.startswith("stage version")]
        details.append(f"{stage}: {_jobs(len(by_stage[stage]))}")
        details += [f"  - {reason}{_which(found, by_stage[stage])}" for reason, found in reasons.items()]
    return [*lines, f"{_jobs(len(jobs))} would be run:", *details]


def unchanged(project: Path, config: Path, jobs: Sequence[PlannedJob]) -> list[str]:
    """Return lines on what changed and makes nothing run again."""
    planned = {job.rule for job in jobs}
    made_again = {output for job in jobs for output in job.outputs}
    lines = []
    for stage, names in _changed_code(project, made_again).items():
        lines.append(f"Code changed, behaviour declared the same ({stage} stays at version {STAGE_VERSION[stage]}):")
        lines.append(f"  {_some(names)}; what it made stays")
    lines += _touched(project, config, planned)
    frozen = sorted(
        path.parent.name
        for path in (project / "results").glob("*/releases/*/release.json")
        if not path.parent.name.startswith("dev-")
    )
    if frozen:
        lines.append(f"Frozen releases stay as they are, whatever else runs: {_some(frozen)}")
    return lines


def _reasons(job: PlannedJob, makers: Mapping[str, str], project: Path) -> list[str]:
    """Return why a job would run; what only follows from other jobs is named when there is nothing else."""
    found = list(_own_reasons(job, project))
    if not found:
        upstream = sorted({makers[file] for file in job.files.get("updated", []) if file in makers})
        found.append(f"follows from {', '.join(upstream)}" if upstream else "follows from jobs before it")
    return found


def _own_reasons(job: PlannedJob, project: Path) -> Iterator[str]:
    missing = job.files.get("missing", [])
    if missing and not any((project / output).exists() for output in job.outputs):  # it names those that are needed
        yield "not made yet"
    elif missing:
        yield f"a file is gone: {_some(missing)}"
    if job.files.get("incomplete"):
        yield "was interrupted"
    if job.files.get("changed"):
        yield f"changed: {_some(job.files['changed'])}"
    if job.has_other_params:
        yield from _changes(job)
    for flag in sorted(job.flags):
        if flag != "other_inputs" or not (job.has_other_params or missing):
            yield _FLAGS[flag]


def _changes(job: PlannedJob) -> Iterator[str]:
    """Compare the params of the last execution with those of now."""
    before, now = [_decoded(value) for value in job.before], [_decoded(value) for value in job.now]
    is_told = False
    for new in now:
        old = next((value for value in before if _is_like(value, new)), None)
        if old is None:
            continue
        for sentence in _differences(old, new):
            is_told = True
            yield sentence
    if not is_told:
        yield "its settings changed"


def _decoded(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _is_like(one: Any, other: Any) -> bool:
    """Whether two values are one param at two times: of one type, and where they are maps, of the same keys."""
    if isinstance(one, dict) and isinstance(other, dict):
        return bool(one.keys() & other.keys())
    return type(one) is type(other)


def _differences(old: Any, new: Any) -> Iterator[str]:
    if isinstance(new, int):  # the only bare numbers in params are versions
        yield _version(old, new)
    elif isinstance(new, list) and all(isinstance(row, dict) and "video" in row for row in [*old, *new]):
        yield from _videos({row["video"]: row for row in old}, {row["video"]: row for row in new})
    elif isinstance(new, dict):
        for key, before, now in _leaves(old, new):
            if key == "version":
                yield _version(before, now)
            elif key.partition(".")[0] in _LABELS:
                yield (
                    "the labels changed"
                    if key.startswith("labels")
                    else "what the sheet says of labelled videos changed"
                )
            else:
                yield f"{key} changed from {json.dumps(before)} to {json.dumps(now)}"


def _version(old: Any, new: Any) -> str:
    return f"stage version {'rose' if new > old else 'fell'} from {old} to {new}, so its results are made again"


def _videos(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if added := sorted(new.keys() - old.keys()):
        yield f"new videos: {_some(added)}"
    if removed := sorted(old.keys() - new.keys()):
        yield f"videos no longer in it: {_some(removed)}"
    for video in sorted(new.keys() & old.keys()):
        for key, before, now in _leaves(old[video], new[video]):
            yield f"video {video}: {key} changed from {json.dumps(before)} to {json.dumps(now)}"


def _leaves(old: Any, new: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield key, old and new value of everything that differs; keys with dots, `recipe.` left out."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            inside = key if place in ("", "recipe") else f"{place}.{key}"
            yield from _leaves(old.get(key), new.get(key), inside)
    elif old != new:
        yield place, old, new


def _changed_code(project: Path, made_again: set[str]) -> dict[str, list[str]]:
    """Return stage -> modules whose code changed since one of its results was made that stays."""
    found: dict[str, set[str]] = defaultdict(set)
    digests: dict[str, bool] = {}
    results = project / "results"
    artefacts = [one for folder in results.glob("*/") for one in read_records(folder, videos=False)]
    for artefact in artefacts:
        if made_again & {file.relative_to(project).as_posix() for file in artefact.files()}:
            continue
        recorded, stage = artefact.record.get("modules") or {}, artefact.record.get("stage")
        for name, digest in recorded.items():
            key = f"{name} {digest}"
            if key not in digests:
                digests[key] = bool(changed_modules({name: digest}))
            if digests[key] and stage in STAGE_VERSION:
                found[stage].add(name)
    return {stage: sorted(found[stage]) for stage in STAGE_VERSION if stage in found}


def _touched(project: Path, config: Path, planned: set[str]) -> Iterator[str]:
    """Yield a line on labels, and one on videos, that are newer than what was made of them and make nothing run."""
    settings = load_project(config)
    for name, dataset in settings.datasets.items():
        check = project / "results" / name / "check.json"
        files = [file.path for file in dataset.files if _is_newer(project / file.path, check)]
        if files and "check_inputs" not in planned:
            yield f"Merely touched, nothing follows: {_some(files)}; the labels in it are the same"
    rows = read_rows(project / settings.videos, list(settings.datasets)) if settings.videos else []
    videos = [
        row.video for row in rows if any(_is_newer(Path(row.path), made) for made in _made_of(project, row.video))
    ]
    if videos:
        yield (
            f"Videos touched or replaced since they were predicted, nothing follows: {_some(videos)}; "
            "delete such a video's folders in results to predict it anew"
        )


def _made_of(project: Path, video: str) -> list[Path]:
    return list((project / "results").glob(f"*/videos/*/{video}/status.json"))


def _is_newer(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.stat().st_mtime > other.stat().st_mtime


def _which(found: Sequence[PlannedJob], all_of_stage: Sequence[PlannedJob]) -> str:
    """Return which jobs of a stage a reason is about, where it is not about all."""
    if len(found) == len(all_of_stage) and len(found) > 1:
        return ""
    return f" ({_some([' '.join(job.wildcards) or job.rule for job in found])})"


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _MOST
    return ", ".join(names[:_MOST]) + (f" and {rest} more" if rest > 0 else "")


def _jobs(count: int) -> str:
    return f"{count} job{'s' if count != 1 else ''}"
