"""A project folder to start from."""

from __future__ import annotations

import shutil
from pathlib import Path

from posewright.errors import InputError
from posewright.files import write_text

CONFIG = """\
# Posewright project. Every key, with its default, is explained in config/README.md of the checkout.

datasets:
  mydata:
    labels: [labels.slp]     # label files: .slp, .pkg.slp, DeepLabCut, COCO
    label_source: human      # human, corrected or model: who made the labels
    complete: true           # every animal in a labelled frame is labelled

split: {by: block, val: 0.1, test: 0.2}    # by: animal, session, video, block or file

recipes:
RECIPES

methods:                     # what is compared
  topdown: {type: topdown, recipes: [centroid, centered_instance]}
  bottomup: {type: bottomup, recipes: [bottomup]}

seeds: [0]

videos: videos.tsv           # one row a video, paths relative to this sheet; null: only train and compare
predict: {releases: [dev-topdown]}
"""

SHEET = "video\tpath\n"


def write_project(folder: Path, recipes: Path) -> None:
    """Write ``videos.tsv`` and ``config/{config.yaml,recipes/,examples/}``; nothing that exists is replaced.

    Args:
        folder: of the new project.
        recipes: folder of the recipes to copy, named ``<model type>.<backbone>.yaml``, with those that leave their
            settings to the plan in ``auto`` below it and whole configs in ``../examples``.
    """
    config = folder / "config"
    if config.exists():
        raise InputError(f"{config} exists already; name a new folder.")
    copied = sorted(recipes.glob("*.yaml"))
    for recipe in copied:
        (config / "recipes").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(recipe, config / "recipes" / recipe.name)
    shutil.copytree(recipes / "auto", config / "recipes" / "auto")
    shutil.copytree(recipes.parent / "examples", config / "examples")
    listed = "\n".join(f"  {_name(recipe)}: config/recipes/{recipe.name}" for recipe in copied)
    write_text(config / "config.yaml", CONFIG.replace("RECIPES", listed))
    write_text(folder / "videos.tsv", SHEET)


def _name(recipe: Path) -> str:
    """Return what the config calls a recipe: ``centroid`` of ``centroid.unet.yaml``, else with its backbone."""
    model_type, backbone = recipe.stem.split(".")
    return model_type if backbone == "unet" else f"{model_type}_{backbone}"
