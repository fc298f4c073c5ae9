"""Bundle trained models into a release that predicts videos on any machine, or take one that was bundled elsewhere."""

import argparse
from pathlib import Path

from posewright import door
from posewright.prediction.checkpoints import require_checkpoints
from posewright.prediction.peer_model import own_folders
from posewright.prediction.release import import_release, make_release
from posewright.provenance import NAME, recording
from posewright.shapes import DecodeOptions


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--name", required=True, help="name of the release")
    words.add_argument("--definition", type=door.mapping, required=True, metavar="JSON", help="what it is made of")
    words.add_argument("--models", type=Path, nargs="*", default=[], help="its model folders, in any order")
    words.add_argument(
        "--checkpoints", type=door.mapping, default={}, metavar="JSON", help="model folder -> sha256 of its checkpoint"
    )
    words.add_argument("--evaluations", type=Path, nargs="*", default=[], help="metrics.json files for the model card")
    words.add_argument("--bundle", help="instead of models: path or address of a bundle, sha256 in the definition")
    words.add_argument("--ledger", type=Path, required=True, help="table of all names ever given, with their digests")
    words.add_argument(
        "--settings", type=door.mapping, required=True, metavar="JSON", help="backend, dtype, thresholds"
    )
    words.add_argument("--thresholds", type=Path, help="thresholds.json of the method on validation frames")
    words.add_argument("--out", type=Path, required=True, help="release.json; the bundle is written beside it")
    words.add_argument(
        "--gpu", type=int, default=0, help="GPUs that a prediction job gets here; with any, auto is torch"
    )
    given = words.parse_args()
    with recording(
        given.out.with_name(NAME),
        "make_release",
        inputs=[*given.models, *([given.thresholds] if given.thresholds else [])],
        params={"name": given.name, "definition": given.definition, "settings": given.settings},
    ):
        release(given)


def release(given: argparse.Namespace) -> None:
    """Make the release that the words ask for."""
    if given.bundle is not None:
        made_of = given.definition
        import_release(given.name, made_of, given.bundle, made_of["sha256"], given.out, given.ledger)
        return
    require_checkpoints(given.checkpoints)
    with own_folders(given.models) as models:
        make_release(
            name=given.name,
            definition=given.definition,
            models=models,
            out=given.out,
            ledger=given.ledger,
            backend=given.settings["backend"],
            dtype=given.settings["dtype"],
            options=DecodeOptions(**given.settings["options"]),
            thresholds=given.thresholds,
            gpu=given.gpu > 0,
            evaluations=given.evaluations,
        )


if __name__ == "__main__":
    door.main(main)
