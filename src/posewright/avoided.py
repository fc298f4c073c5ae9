"""Nodes of the cluster whose GPU this torch cannot use: a run that met one asks for others from then on.

Snakemake tries every failed job again. On the same node, or one like it, it would fail again; so a job that meets such
a GPU notes the node and those like it, and whatever the run submits next, also that job's other attempts, excludes
them. Where no node is left, sbatch refuses the attempt at once and nothing waits in the queue. The next run begins
without a note: its torch may be another.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from posewright import slurm
from posewright.files import write_text

AVOIDED = Path(".snakemake/posewright/avoided")  #: one file a node, in the folder that Snakemake works in


def avoid_this_node(why: str) -> list[str]:
    """Note this job's node, and the nodes of its partition that are like it; return them, none outside the workflow.

    Args:
        why: what is wrong with its GPU, for the note.
    """
    try:
        job, node = slurm.own_job(), os.environ.get("SLURMD_NODENAME")
        if job is None or node is None:
            return []
        nodes = slurm.alike(node, os.environ.get("SLURM_JOB_PARTITION"))
    except OSError:
        return []
    for name in nodes:
        write_text(AVOIDED / name, f"{why}\n")
    return nodes


def avoided() -> dict[str, str]:
    """Return the nodes noted in this run by name, sorted, each with what is wrong with its GPU."""
    notes = sorted(AVOIDED.glob("[!.]*"))  # hidden ones are still being written
    return {note.name: note.read_text(encoding="utf-8").strip() for note in notes}


def forget_avoided(project: Path) -> None:
    """Begin without a note."""
    shutil.rmtree(project / AVOIDED, ignore_errors=True)
