"""Train one recipe on one fold with one seed; an interrupted training goes on where it stopped."""

import argparse
from pathlib import Path

from posewright import door
from posewright.config.recipe import load_recipe
from posewright.labels.seen import marks_of_split
from posewright.provenance import NAME, recording
from posewright.training.epochs import with_epochs_of
from posewright.training.train import train_model


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--recipe", type=door.mapping, required=True, metavar="JSON", help="the resolved recipe")
    words.add_argument("--plan", type=Path, help="plan.json, for a recipe that says auto")
    words.add_argument("--split", type=Path, required=True, help="folder of the split")
    words.add_argument("--store", type=Path, required=True, help="store.json of the decoded frames")
    words.add_argument("--seed", type=int, default=0, help="seed of weights, order and augmentation")
    words.add_argument("--fold", default="0", help="fold of the split, for the record")
    words.add_argument("--epochs-of", type=Path, help="model.json of another training: epochs of as many steps")
    words.add_argument("--candidates", action="store_true", help="keep the weights of several epochs to choose from")
    words.add_argument("--work", type=Path, required=True, help="folder for checkpoints while training")
    words.add_argument("--out", type=Path, required=True, help="the model folder")
    given = words.parse_args()
    recipe = load_recipe(given.recipe)
    with recording(
        given.out / NAME,
        "train_model",
        inputs=[given.split, given.store, *([given.plan] if given.plan else [])],
        params={"recipe": given.recipe, "fold": given.fold},
        seed=given.seed,
    ) as record:
        record.facts["seen"] = marks_of_split(given.split / "split.json")
        record.effort = train_model(
            recipe=recipe if given.epochs_of is None else with_epochs_of(recipe, given.epochs_of),
            split=given.split,
            store=given.store,
            seed=given.seed,
            work=given.work,
            out=given.out,
            plan=given.plan,
            candidates=given.candidates,
        )


if __name__ == "__main__":
    door.main(main)
