"""The section on how exact labels are: there where frames were labelled once more, and only there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from posewright.evaluation.repeats import distances, spread
from posewright.files import read_json, write_json
from posewright.labels.repeats import LabelledTwice
from posewright.report.build import build_report

from .make_results import FLY, Made


def repeats(n_frames: int, moved_px: float, nodes: int = len(FLY.nodes)) -> dict[str, Any]:
    """Return the content of repeats.json: every node of the second labelling lies as far from the first."""
    random = np.random.default_rng(0)
    first = random.uniform(0, 200, (n_frames, 1, len(FLY.nodes), 2))
    second = first + np.array([moved_px, 0.0])
    second[:, :, nodes:] = np.nan
    frames = [LabelledTwice("a.mp4", index, *both) for index, both in enumerate(zip(first, second, strict=True))]
    table, animals = distances(frames, FLY.nodes)
    told = {"schema": 1, "files": ["again <b>.slp"], "frames": n_frames, "animals": dict(animals)}
    return {**told, **spread(table, FLY.nodes)}


def section(made: Made, folder: Path, content: dict[str, Any] | None) -> str | None:
    """Return the text of the section where evaluations were made with such a file, or without one."""
    results, page = folder / "flies", folder / "index.html"
    shutil.copytree(made.results, results)
    for path in results.glob("evaluation/*/*/val/metrics.json") if content else ():
        write_json(path, {**read_json(path), "repeats": content})
    build_report(results=results, side="val", status=made.status, out=page, store=made.store, title="Flies")
    found = re.search(r'<section id="labels">.*?</section>', page.read_text(), re.DOTALL)
    return None if found is None else " ".join(re.sub(r"<[^>]*>", " ", found[0]).split())


def test_without_repeated_labels_nothing_is_said_of_them(small: Made, tmp_path: Path) -> None:
    assert section(small, tmp_path, None) is None


def test_the_distance_stands_beside_the_errors_of_the_methods(small: Made, tmp_path: Path) -> None:
    text = section(small, tmp_path, repeats(40, 1.2, nodes=8))
    assert text is not None
    assert "Two labellings of 40 animals on 40 frames differ by 1.20 px in the median" in text
    assert "each lies 0.85 px from the truth" in text
    assert "topdown median error (px)" in text and "bottomup median error (px)" in text
    assert "all body parts 320 1.20 1.20" in text
    assert "tarsusR 0 – –" in text and "median of the others" in text
    assert "again &lt;b&gt;.slp" in text


def test_labels_that_tell_no_sigma_say_so(small: Made, tmp_path: Path) -> None:
    text = section(small, tmp_path, repeats(3, 1.2))
    assert text is not None and "the default stands" in text
