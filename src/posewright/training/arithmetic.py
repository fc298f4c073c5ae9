"""With which numbers, and how fast, a machine computes a training: precision and compilation."""

from __future__ import annotations

import importlib.util
import os
import shutil
from typing import Literal

import torch

from posewright.config.recipe import Recipe
from posewright.errors import InputError

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
_PRECISION: dict[str, Precision] = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}


def precision_of(recipe: Recipe) -> Precision:
    """Return Lightning's word for the recipe's precision, after looking whether the machine can do what is asked.

    Raises:
        InputError: float16 without a GPU, or compilation without a compiler.
    """
    own = recipe.posewright
    gpu = has_gpu(recipe)
    if own.precision == "float16" and not gpu:
        raise InputError("posewright.precision float16 needs a GPU, and the training runs on none; use bfloat16.")
    if own.compile and not gpu and not _has_compiler():
        raise InputError(
            "posewright.compile needs a C++ compiler, and none was found; install g++ (or clang++, or name one in the "
            "variable CXX), or set compile to false."
        )
    if own.compile and gpu and importlib.util.find_spec("triton") is None:
        raise InputError("posewright.compile needs Triton on a GPU: pip install triton, or set compile to false.")
    return _PRECISION[own.precision]


def has_gpu(recipe: Recipe) -> bool:
    """Return whether the training runs on a CUDA device."""
    return recipe.trainer_config.trainer_accelerator in ("auto", "gpu") and torch.cuda.is_available()


def _has_compiler() -> bool:
    names = [os.environ["CXX"]] if "CXX" in os.environ else ["g++", "clang++"]
    return any(shutil.which(name) for name in names)
