"""Does the guide hold? Separated animals → top-down, crowded ones → bottom-up: the whole workflow on synthetic arenas.

    python bench/crowding.py OUT [--animals 2 4 8] [--minutes 5] [--recordings 12]

Each number of animals is a data set of its own: the same arena and the same kind of animals, ever less room. Half of
the recordings are test, so that twelve give the six units that a verdict needs; both methods train for equally long.
Ends with what the reports of the test frames say, and where they lie. Finished stages in OUT are kept.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait slow a shared machine down

import pandas as pd
import yaml

from posewright.files import write_text
from posewright.shapes import Size
from posewright.synthetic.dataset import make_dataset
from posewright.synthetic.spec import ArenaSpec

ROOT = Path(__file__).resolve().parents[1]
PARTS = {"centroid": 0.25, "centered_instance": 0.75, "bottomup": 1.0}  #: of a method's time
METHODS = {
    "topdown": {"type": "topdown", "recipes": ["centroid", "centered_instance"]},
    "bottomup": {"type": "bottomup", "recipes": ["bottomup"]},
}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("out", type=Path)
    words.add_argument("--animals", type=int, nargs="+", default=[2, 4, 8])
    words.add_argument("--minutes", type=float, default=5.0, help="of training, for each method and data set")
    words.add_argument("--recordings", type=int, default=12)
    given = words.parse_args()
    for n_animals in given.animals:
        folder = given.out / f"arena{n_animals}"
        if not (folder / "labels.slp").exists():
            make_dataset(arena(n_animals, given.recordings), folder)
    for name, part in PARTS.items():
        write_text(given.out / "recipes" / f"{name}.yaml", yaml.safe_dump(recipe(name, part * given.minutes)))
    write_text(given.out / "config" / "config.yaml", yaml.safe_dump(config(given.animals), sort_keys=False))
    command = [str(Path(sys.executable).with_name("posewright")), "run", "final", "--cores", "1"]
    subprocess.run(command, cwd=given.out, check=True)
    for n_animals in given.animals:
        tell(given.out / "results" / f"arena{n_animals}")


def arena(n_animals: int, recordings: int) -> ArenaSpec:
    return ArenaSpec(
        n_animals=n_animals,
        animal_length_px=44,
        size=Size(160, 160),
        crowding=0.6,
        n_recordings=recordings,
        n_frames=200,
        n_labeled=25,
        same_individuals=False,
    )


def recipe(name: str, minutes: float) -> dict[str, Any]:
    """Return the demo's recipe, ended by the clock."""
    value: dict[str, Any] = yaml.safe_load((ROOT / "config" / "recipes" / "demo" / f"{name}.yaml").read_text())
    value["trainer_config"] |= {"max_epochs": 1000, "early_stopping": None}
    value["posewright"] = {"max_minutes": minutes}
    return value


def config(animals: list[int]) -> dict[str, Any]:
    return {
        "datasets": {
            f"arena{n}": {"labels": [f"arena{n}/labels.slp"], "label_source": "human", "complete": True}
            for n in animals
        },
        "split": {"by": "video", "val": 0.17, "test": 0.5, "seed": 0},
        "recipes": {name: f"recipes/{name}.yaml" for name in PARTS},
        "methods": METHODS,
        "compare": {"primary": "pck_5px"},
    }


def tell(results: Path) -> None:
    """Print the pairs of the primary metric, all strata."""
    pairs = pd.read_parquet(results / "comparison" / "test" / "pairs.parquet")
    primary = pairs[pairs["metric"] == "pck_5px"]
    columns = ["method_a", "method_b", "stratum", "difference", "low", "high", "p_adjusted", "verdict", "n_units"]
    print(f"{results.name}: {results / 'report' / 'final.html'}")
    print(primary[columns].to_string(index=False), flush=True)


if __name__ == "__main__":
    main()
