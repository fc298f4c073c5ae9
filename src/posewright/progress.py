"""How far a run has come: videos done and to be done, how fast, what is in the queue, which models are in training."""

from __future__ import annotations

import csv
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from posewright import slurm
from posewright.config.project import load_project
from posewright.layout import read_rows
from posewright.runs import Run, leftover_hint, live_run


def progress(project: Path, config: Path) -> list[str]:
    """Return lines on the run that goes on, or on what one left behind; none when there is neither."""
    run = live_run(project)
    if run is None:
        hint = leftover_hint(project)
        return [hint] if hint else []
    lines = [f"A run goes on since {_ago(time.time() - run.started)} (process {run.pid} on {run.host})."]
    lines += _videos(project, config, run)
    lines += _jobs(run.slurm_runs(project))
    return lines + _trainings(project / load_project(project / config).work_dir)


def _videos(project: Path, config: Path, run: Run) -> list[str]:
    """Count the published videos of all that are asked for; the rate is that of this run."""
    settings = load_project(project / config)
    rows = read_rows(project / settings.videos, list(settings.datasets)) if settings.videos else []
    asked = [
        project / "results" / str(row.dataset) / "videos" / release / row.video / "status.json"
        for row in rows
        for release in settings.predict.releases
    ]
    if not asked:
        return []
    stamps = [path.stat().st_mtime for path in asked if path.exists()]
    now, since = time.time(), [stamp for stamp in stamps if stamp >= run.started]
    lines = [f"Videos: {len(stamps)} of {len(asked)} published."]
    if since and len(stamps) < len(asked):
        per_s = len(since) / (now - min(run.started, *since))
        left = _ago((len(asked) - len(stamps)) / per_s)
        lines.append(f"This run publishes {3600 * per_s:.3g} videos an hour; about {left} to go.")
    return lines


def _jobs(runs: Sequence[str]) -> list[str]:
    """Count the run's jobs in the queue by state and stage."""
    try:
        counts = Counter((job.state.lower(), job.stage) for job in slurm.queue(runs))
    except OSError as error:
        return [f"Slurm: {error}"]
    return (
        [f"Slurm jobs: {', '.join(f'{n} {stage} {state}' for (state, stage), n in sorted(counts.items()))}."]
        if counts
        else []
    )


def _trainings(work: Path) -> list[str]:
    """Tell epoch and step of every training that is not complete."""
    lines = []
    for log in sorted(work.glob("train/*/*/training_log.csv")):
        if (log.parent / "model.json").exists():
            continue
        with log.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        if rows:
            place = f"epoch {int(rows[-1]['epoch']) + 1}, step {rows[-1]['step']}"
            lines.append(f"In training: {log.parent}: {place}, written {_ago(time.time() - log.stat().st_mtime)} ago.")
    return lines


def _ago(seconds: float) -> str:
    """Spell a duration."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
