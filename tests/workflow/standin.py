"""Stand-in for every script of the workflow: writes what the rule declares, computes nothing.

The tests of this folder, but for the end-to-end one, are about the graph: what Snakemake does again and why. They run a
copy of the workflow in which this file takes the place of each script, so that a project is finished in seconds. While
the project has a file ``hold`` that names a stage, that stage's jobs write their process into ``held`` and wait.
"""

import json
import os
import sys
import time
from hashlib import sha256
from pathlib import Path

MODEL = ("best.ckpt", "model.json", "training_config.yaml", "training_log.csv", "curves.png", "provenance.json")
FILES_IN = {
    "split_labels": ("train.slp", "val.slp", "test.slp", "split.json"),
    "train_model": MODEL,
    "refit_model": MODEL,
    "choose_checkpoint": MODEL,
    "evaluate_method": (
        "predictions.slp",
        "metrics.json",
        "instances.parquet",
        "keypoints.parquet",
        "curve.parquet",
        "thresholds.json",
    ),
    "compare_behaviour": ("videos.parquet", "agreement.parquet", "pairs.parquet", "summary.json"),
    "take_part": ("train.slp", "val.slp", "split.json"),
    "compare_parts": ("summary.json", "points.parquet", "provenance.json"),
    "measure_repeats": ("repeats.json", "distances.parquet"),
    "measure_speed": ("speed.json", "rounds.parquet", "provenance.json"),
    "compare_methods": ("methods.parquet", "pairs.parquet", "summary.json"),
    "check_quality": ("videos.parquet", "intervals.parquet", "sheets/v0.jpg"),
    "publish_video": ("poses.parquet", "frames.parquet", "poses.slp", "status.json"),
}
FIGURES = ("pck", "coverage", "body_parts", "differences")


def main() -> None:
    stage = Path(sys.argv[0]).stem
    hold(stage)
    given = words(sys.argv[1:])
    out = Path(given["manifest" if stage == "predict_videos" else "out"])
    content = json.dumps({"stage": stage, "words": sha256(repr(sorted(given.items())).encode()).hexdigest()})
    if stage == "make_release":
        content = json.dumps({"definition": json.loads(given["definition"]), "weights": weights(given["models"])})
    if stage == "publish_video":
        keep_edited(out)
        content = json.dumps({"state": "failed" if "broken" in given["video"] else "ok"})
    if stage == "collect_status":
        content = table(given.get("statuses", "").split())
    for path in [out / name for name in FILES_IN[stage]] if stage in FILES_IN else [out]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    if "candidates" in given:
        (out / "candidates.ckpt").write_text(content)
    if stage == "plan_recipe":
        out.with_suffix(".md").write_text(content)
    if stage == "build_report":
        for folder in ("_all", *json.loads(given["types"])):
            for figure in FIGURES if folder == "_all" else FIGURES[:3]:
                path = Path(given["figures"], folder, f"{figure}.svg")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    if stage == "store_frames" and "index" in given:
        Path(given["index"]).write_text(content)


def keep_edited(out: Path) -> None:
    """Do as the script does before it publishes: what Snakemake has left in place is kept."""
    if (out / "status.json").exists():
        sys.path.insert(0, os.environ["PYTHONPATH"])
        from posewright.prediction.edited import set_aside

        set_aside(out)


def hold(stage: str) -> None:
    asked = Path("hold")
    while asked.exists() and asked.read_text() == stage:
        Path("held").write_text(str(os.getpid()))
        time.sleep(0.1)


def words(arguments: list[str]) -> dict[str, str]:
    """Return word -> its values, joined by spaces."""
    found: dict[str, list[str]] = {}
    for argument in arguments:
        if argument.startswith("--"):
            found[argument[2:]] = values = []
        else:
            values.append(argument)
    return {word: " ".join(values) for word, values in found.items()}


def weights(folders: str) -> list[str]:
    return [(Path(folder) / "model.json").read_text() for folder in folders.split()]


def table(statuses: list[str]) -> str:
    rows = [(Path(path).parts[-5:-1], json.loads(Path(path).read_text())["state"]) for path in statuses]
    lines = ["\t".join(["dataset", "release", "video", "state", "reason", "message"])]
    lines += ["\t".join([place[0], place[2], place[3], state, "", ""]) for place, state in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
