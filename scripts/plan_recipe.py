"""Measure the training labels, and propose methods and settings, each with its reason; nothing is trained."""

import argparse
from pathlib import Path

from posewright import door
from posewright.provenance import NAME, recording
from posewright.training.recipe_plan import plan_recipe


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--split", type=Path, required=True, help="folder of the split; only its train side is read")
    words.add_argument("--store", type=Path, required=True, help="store.json of the decoded frames, for their sizes")
    words.add_argument(
        "--dataset", type=door.mapping, required=True, metavar="JSON", help="whether labels are complete"
    )
    words.add_argument("--title", required=True, help="what the plan is of")
    words.add_argument("--out", type=Path, required=True, help="plan.json; plan.md is written beside it")
    given = words.parse_args()
    with recording(given.out.with_name(NAME), "plan_recipe", inputs=[given.split, given.store], params=given.dataset):
        plan_recipe(
            split=given.split,
            store=given.store,
            is_complete=given.dataset["complete"],
            title=given.title,
            out=given.out,
        )


if __name__ == "__main__":
    door.main(main)
