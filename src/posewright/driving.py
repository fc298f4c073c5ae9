"""Snakemake as ``posewright run`` calls it: on this checkout's workflow, after whatever a dead run left behind."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from posewright.config.project import existing_config
from posewright.runs import WORDS_VARIABLE, clear_leftovers

_PROFILE_WORDS = ("--profile", "--workflow-profile")
_DIRECTORY_WORDS = ("--directory", "-d")
_CONFIG_WORDS = ("--configfile", "--configfiles")
_HELP_WORDS = ("-h", "--help", "-v", "--version")
_LOOKS_ONLY = re.compile(
    r"-[a-zA-Z]*n[a-zA-Z]*|-[hvlSD]|--(dry-?run|help|version|lint|list|list-rules|list-target-rules|summary"
    r"|detailed-summary|dag|d3dag|rulegraph|filegraph|report|archive|unlock|cleanup-metadata|containerize)(=.*)?"
)


def drive(words: Sequence[str], root: Path) -> int:
    """Run Snakemake with the local profile unless the words name another; return its exit code.

    Args:
        words: for Snakemake. A profile may be named as it is called in ``profiles/``.
        root: the checkout.

    Raises:
        InputError: there is no project, or another run goes on in it.
    """
    require_config(words)
    if not any(_LOOKS_ONLY.fullmatch(word) for word in words):
        for sentence in clear_leftovers(project_of(words)):
            print(sentence, flush=True)
        words = [*words, "--rerun-incomplete"]
    environment = {**os.environ, WORDS_VARIABLE: json.dumps([word for word in words if word != "--rerun-incomplete"])}
    return subprocess.run(snakemake_command(words, root), env=with_path(environment), check=False).returncode


def require_config(words: Sequence[str]) -> None:
    """Refuse a folder without a project and a config that is not there; Snakemake's words on them are no help."""
    if not any(word in _HELP_WORDS for word in words):
        existing_config(config_of(words))


def snakemake_command(words: Sequence[str], root: Path) -> list[str]:
    """Return the whole command line."""
    named = any(word.split("=")[0] in _PROFILE_WORDS for word in words)
    profile = [] if named else ["--profile", str(root / "profiles" / "local")]
    snakefile = ["--snakefile", str(root / "workflow" / "Snakefile")]
    return [sys.executable, "-m", "snakemake", *snakefile, *profile, *_with_profiles_of(root, words)]


def with_path(environment: dict[str, str]) -> dict[str, str]:
    """Return an environment in which the programs beside this Python are found."""
    here = str(Path(sys.executable).parent)
    return {**environment, "PATH": os.pathsep.join([here, environment.get("PATH", "")])}


def project_of(words: Sequence[str]) -> Path:
    """Return the folder that Snakemake works in."""
    return Path(_value_of(_DIRECTORY_WORDS, words) or ".")


def config_of(words: Sequence[str]) -> Path:
    """Return the project's config: one that is named is seen from here, the usual one from the project's folder."""
    named = _value_of(_CONFIG_WORDS, words)
    return project_of(words) / "config/config.yaml" if named is None else Path(named)


def _value_of(names: Sequence[str], words: Sequence[str]) -> str | None:
    for word, following in pairwise([*words, ""]):
        name, is_joined, value = word.partition("=")
        if name in names:
            return value if is_joined else following
    return None


def _with_profiles_of(root: Path, words: Sequence[str]) -> list[str]:
    """Return the words with the bare name of a profile of the checkout replaced by its path."""
    replaced: list[str] = []
    for word in words:
        name, is_joined, value = word.partition("=")
        if is_joined and name in _PROFILE_WORDS:
            replaced.append(f"{name}={_profile(root, value)}")
        elif replaced and replaced[-1] in _PROFILE_WORDS:
            replaced.append(_profile(root, word))
        else:
            replaced.append(word)
    return replaced


def _profile(root: Path, name: str) -> str:
    ours = root / "profiles" / name
    return str(ours) if not Path(name).exists() and ours.is_dir() else name
