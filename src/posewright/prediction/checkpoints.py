"""Whether models that came from elsewhere are the ones that the config names by digest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from posewright.errors import InputProblems, Problem
from posewright.files import file_digest

#: What holds the weights in a model folder: ours and the peer's, and that of its predecessor.
NAMES = ("best.ckpt", "best_model.h5")


def is_peer_folder(folder: Path) -> bool:
    """Whether a folder is a model of sleap-nn: its settings and checkpoint, and nothing that we wrote."""
    names = ("training_config.yaml", "best.ckpt")
    return not (folder / "model.json").is_file() and all((folder / name).is_file() for name in names)


def require_checkpoints(digests: Mapping[str, str]) -> None:
    """Compare the checkpoint of each model folder with its digest.

    Args:
        digests: model folder -> sha256 of its checkpoint file.

    Raises:
        InputProblems: all folders without a checkpoint, or with another one.
    """
    problems = [problem for folder, digest in digests.items() for problem in _faults(Path(folder), digest)]
    if problems:
        raise InputProblems(problems)


def _faults(folder: Path, digest: str) -> list[Problem]:
    checkpoint = next((folder / name for name in NAMES if (folder / name).is_file()), None)
    if checkpoint is None:
        found = f"it has none of {', '.join(NAMES)}" if folder.is_dir() else "there is no such folder"
        return [Problem(f"model folder {folder}", found, "correct its path in the config")]
    found = file_digest(checkpoint)
    if found == digest:
        return []
    clause = f"its sha256 is {found}, and the config says {digest}"
    return [Problem(str(checkpoint), clause, "bring back the model that was meant, or correct the digest")]
