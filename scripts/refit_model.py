"""Train an evaluated model's recipe once more, on the labels of all sides and for as many steps; nothing is scored."""

import argparse
from pathlib import Path

from posewright import door
from posewright.labels.seen import marks_of_all_sides
from posewright.model_types.plan import load_plan
from posewright.provenance import NAME, recording
from posewright.training.refit import Refit
from posewright.training.train import train_model


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--model", type=Path, required=True, help="folder of the evaluated model")
    words.add_argument("--split", type=Path, required=True, help="folder of the split")
    words.add_argument("--store", type=Path, required=True, help="store.json of the decoded frames")
    words.add_argument("--work", type=Path, required=True, help="folder for checkpoints while training")
    words.add_argument("--out", type=Path, required=True, help="the model folder to write")
    given = words.parse_args()
    evaluated, refit = load_plan(given.model), Refit.of(given.model)
    with recording(
        given.out / NAME,
        "refit_model",
        inputs=[given.model / "model.json", given.split, given.store],
        params={"recipe": evaluated.recipe.to_json(), "refit": refit.to_json()},
        seed=evaluated.seed,
    ) as record:
        record.facts["seen"] = marks_of_all_sides(given.split / "split.json")
        record.effort = train_model(
            recipe=refit.recipe(evaluated.recipe),
            split=given.split,
            store=given.store,
            seed=evaluated.seed,
            work=given.work,
            out=given.out,
            refit=refit,
        )


if __name__ == "__main__":
    door.main(main)
