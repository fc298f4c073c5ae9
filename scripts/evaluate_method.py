"""Score a method's trained models against the labels of one held-back side."""

import argparse
from pathlib import Path

from posewright import door
from posewright.evaluation.evaluate import evaluate_method
from posewright.evaluation.released import opened
from posewright.prediction.checkpoints import require_checkpoints
from posewright.provenance import NAME, recording


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--method", required=True, help="the method's name")
    words.add_argument("--models", type=Path, nargs="+", default=[], help="its model folders, or a release.json")
    words.add_argument("--predictions", type=Path, nargs="+", default=[], help="instead of models: files of poses")
    words.add_argument(
        "--checkpoints", type=door.mapping, default={}, metavar="JSON", help="model folder -> sha256 of its checkpoint"
    )
    words.add_argument("--split", type=Path, required=True, help="folder of the split")
    words.add_argument("--side", choices=("val", "test"), required=True, help="which frames; test is for the end")
    words.add_argument("--store", type=Path, required=True, help="store.json of the decoded frames")
    words.add_argument("--dataset", type=door.mapping, required=True, metavar="JSON", help="label_source and complete")
    words.add_argument("--labels", type=Path, nargs="*", default=[], help="label files, to tell corrected labels")
    words.add_argument("--options", type=door.mapping, default={}, metavar="JSON", help="how predictions are read")
    words.add_argument("--thresholds", type=Path, help="thresholds.json of the same models on validation frames")
    words.add_argument("--repeats", type=Path, help="repeats.json: OKS sigmas of frames that were labelled once more")
    words.add_argument("--ledger", type=Path, help="table that remembers every use of the test frames")
    words.add_argument("--question", help="digest of what is asked of the methods, for that table")
    words.add_argument("--out", type=Path, required=True, help="folder for metrics, tables and predictions")
    given = words.parse_args()
    if bool(given.models) == bool(given.predictions):
        words.error("name either --models or --predictions")
    require_checkpoints(given.checkpoints)
    with (
        opened(given.models, given.options) as (models, options),
        recording(
            given.out / NAME,
            "evaluate_method",
            inputs=[
                *given.models,
                *given.predictions,
                given.split,
                given.store,
                *(path for path in (given.thresholds, given.repeats) if path),
            ],
            params={"method": given.method, "side": given.side, "dataset": given.dataset, "options": given.options},
        ),
    ):
        evaluate_method(
            method=given.method,
            models=models,
            split=given.split,
            side=given.side,
            store=given.store,
            label_source=given.dataset["label_source"],
            complete=given.dataset["complete"],
            out=given.out,
            options=options,
            labels=given.labels,
            thresholds=given.thresholds,
            ledger=given.ledger,
            question=given.question,
            files=given.dataset.get("files", ()),
            predictions=given.predictions,
            repeats=given.repeats,
        )


if __name__ == "__main__":
    door.main(main)
