"""Write requirements.lock, requirements-dev.lock and envs/posewright.yaml from what is installed here and works.

``python envs/pins.py`` after changing a dependency in pyproject.toml, installing it, and running all tests. The locks
hold the closure of what pyproject.toml asks for, at the installed versions; the conda definition repeats the first.
"""

import re
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PYTHON = "3.11"
HEAD = "# Made by envs/pins.py from pyproject.toml and the versions that were tested. Linux, Python 3.11 and later.\n"


def main() -> None:
    """Write the three files."""
    for path, text in files().items():
        (ROOT / path).write_text(text, encoding="utf-8")


def files() -> dict[str, str]:
    """Return path -> text of everything that states the pins, for the environment this runs in."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    usual = closure(project["project"]["dependencies"])
    tools = closure(project["dependency-groups"]["dev"])
    usual_pins = pins(usual)
    return {
        "requirements.lock": HEAD + "".join(f"{pin}\n" for pin in usual_pins),
        "requirements-dev.lock": HEAD + "".join(f"{pin}\n" for pin in pins(tools - usual)),
        "envs/posewright.yaml": conda_definition(usual_pins),
    }


def closure(wanted: list[str]) -> set[str]:
    """Return the names of all distributions that the requirements need here, themselves included."""
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [(Requirement(text), "") for text in wanted]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        needs = [Requirement(text) for text in distribution(requirement.name).requires or []]
        waiting += [(need, extra) for need in needs for extra in ("", *requirement.extras)]
    return {name for name, _ in seen}


def pins(names: set[str]) -> list[str]:
    """Return ``name==version`` of each distribution, sorted."""
    return [f"{name}=={distribution(name).version}" for name in sorted(names)]


def conda_definition(pinned: list[str]) -> str:
    """Return a conda environment with the same pins, from PyPI: one set of versions, however it is installed."""
    lines = [f"python={PYTHON}", "pip", "pip:"]
    return (
        HEAD
        + "# The package itself is taken from the checkout.\n"
        + "channels:\n  - conda-forge\n  - nodefaults\ndependencies:\n"
        + "".join(f"  - {line}\n" for line in lines)
        + "".join(f"      - {pin}\n" for pin in pinned)
    )


def pinned_in(text: str) -> list[str]:
    """Return every ``name==version`` that stands in a text, in its order."""
    return re.findall(r"[A-Za-z0-9._-]+==[^\s,]+", text)


if __name__ == "__main__":
    sys.exit(main())
