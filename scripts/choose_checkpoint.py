"""Choose the weights of one of a method's models: those with which the whole method does best on validation frames."""

import argparse
from pathlib import Path

from posewright import door
from posewright.evaluation.checkpoint_choice import choose_checkpoint
from posewright.files import read_json
from posewright.provenance import NAME, recording


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--model", type=Path, required=True, help="folder of the trained model, with candidates.ckpt")
    words.add_argument("--partners", type=Path, nargs="*", default=[], help="folders of the method's other models")
    words.add_argument("--split", type=Path, required=True, help="folder of the split; its validation side is read")
    words.add_argument("--store", type=Path, required=True, help="store.json of the decoded frames")
    words.add_argument("--dataset", type=door.mapping, required=True, metavar="JSON", help="label_source and complete")
    words.add_argument("--options", type=door.mapping, default={}, metavar="JSON", help="how predictions are read")
    words.add_argument("--primary", required=True, help="the measure that decides")
    words.add_argument("--repeats", type=Path, help="repeats.json: OKS sigmas of frames that were labelled once more")
    words.add_argument("--out", type=Path, required=True, help="the model folder")
    given = words.parse_args()
    with recording(
        given.out / NAME,
        "choose_checkpoint",
        inputs=[given.model, *given.partners, given.split, given.store, *([given.repeats] if given.repeats else [])],
        params={"primary": given.primary, "dataset": given.dataset, "options": given.options},
    ) as record:
        record.facts["seen"] = read_json(given.model / NAME).get("seen")
        choose_checkpoint(
            model=given.model,
            partners=given.partners,
            split=given.split,
            store=given.store,
            label_source=given.dataset["label_source"],
            complete=given.dataset["complete"],
            options=given.options,
            primary=given.primary,
            out=given.out,
            files=given.dataset.get("files", ()),
            repeats=given.repeats,
        )


if __name__ == "__main__":
    door.main(main)
