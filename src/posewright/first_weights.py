"""Other models that a training starts from: where their weights lie, and what tells them apart. Imports no torch."""

from __future__ import annotations

from pathlib import Path

from posewright.config.recipe import Recipe
from posewright.errors import InputProblems, Problem
from posewright.files import file_digest, read_json


def checkpoint_of(path: str) -> Path:
    """Return the checkpoint that a path names: itself, or the one in a model folder."""
    return Path(path) / "best.ckpt" if Path(path).is_dir() else Path(path)


def first_weights_identity(recipe: Recipe) -> list[dict[str, str]]:
    """Return parts and digest of each model that a recipe starts from, in order of loading; none for most recipes.

    The digest is that of the arrays where a model.json of ours tells it, else of the file.

    Raises:
        InputProblems: the files that do not exist.
    """
    found, problems = [], []
    for key, path, parts in recipe.start_files():
        checkpoint = checkpoint_of(path)
        if not checkpoint.is_file():
            remedy = "correct the path, or train or copy that model first"
            problems.append(Problem(f"recipe key {key}", f"{checkpoint} does not exist", remedy))
            continue
        found.append({"parts": parts, "sha256": promised_digest(checkpoint) or file_digest(checkpoint)})
    if problems:
        raise InputProblems(problems)
    return found


def promised_digest(checkpoint: Path) -> str | None:
    """Return the digest of the weights' arrays that our model.json beside them names; None beside other models."""
    beside = checkpoint.parent / "model.json"
    if checkpoint.name != "best.ckpt" or not beside.is_file():
        return None
    return str(read_json(beside)["weights_sha256"])
