"""Laws of repeated labels: the noise that was put in comes out, and nothing else counts (rule 9)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from posewright.config.labels import DatasetConfig
from posewright.errors import InputError
from posewright.evaluation.oks import box_area
from posewright.evaluation.repeats import MIN_PAIRS, distances, measure_repeats, read_sigmas, spread
from posewright.files import read_json
from posewright.labels.model import LabeledFrame, LabelSet, VideoRef
from posewright.labels.read import join_parts, read_parts
from posewright.labels.repeats import LabelledTwice, labelled_twice
from posewright.labels.skeleton import Skeleton
from posewright.labels.write import write_labels

NODES = ("nose", "ear", "body", "hip", "tail", "wing")
BODY = np.array([[50.0, 0.0], [40.0, 10.0], [0.0, 0.0], [-20.0, -8.0], [-50.0, 0.0], [0.0, 25.0]])
SIGMAS = np.array([0.01, 0.02, 0.03, 0.015, 0.04, 0.025])
Points = np.ndarray[Any, np.dtype[np.float64]]


def truths(n_frames: int, random: np.random.Generator) -> list[Points]:
    """Return ``[instance node xy]`` of each frame: two animals of any size and direction, well apart."""
    found = []
    for _ in range(n_frames):
        angle, size = random.uniform(0, 2 * np.pi, 2), random.uniform(0.6, 1.6, 2)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]).transpose(2, 0, 1)
        found.append(size[:, None, None] * (BODY @ turn) + np.array([[[150.0, 150.0]], [[450.0, 200.0]]]))
    return found


def labelled(points: Points, random: np.random.Generator) -> Points:
    """Return one labelling: Gaussian, so that the squared distance to the truth is sigma^2 times the area."""
    spread_px = SIGMAS[:, None] * np.sqrt(box_area(points) / 2)[:, None, None]
    return np.asarray(points + spread_px * random.normal(size=points.shape))


def frames_of(first: Sequence[Points], second: Sequence[Points]) -> list[LabelledTwice]:
    return [LabelledTwice("a.mp4", index, *both) for index, both in enumerate(zip(first, second, strict=True))]


def two_labellings(n_frames: int, seed: int = 0) -> tuple[list[Points], list[Points]]:
    random = np.random.default_rng(seed)
    truth = truths(n_frames, random)
    return [labelled(one, random) for one in truth], [labelled(one, random) for one in truth]


def sigmas(table: pd.DataFrame) -> Points:
    return np.array([entry["sigma"] for entry in spread(table, NODES)["nodes"]], dtype=np.float64)


def write(path: Path, frames: Sequence[Points], video: str = "a.mp4", nodes: Sequence[str] = NODES) -> Path:
    made = tuple(LabeledFrame(0, index, points, (None,) * len(points)) for index, points in enumerate(frames))
    write_labels(LabelSet(Skeleton(tuple(nodes)), (VideoRef(video, None),), made), path)
    return path


def test_known_noise_comes_back_as_the_sigmas(tmp_path: Path) -> None:
    """Through the files and the stage; of 800 pairs a sigma is known to within 1.8 %."""
    first, second = two_labellings(400)
    files = [str(write(tmp_path / f"{name}.slp", own)) for name, own in (("first", first), ("second", second))]
    measure_repeats(dataset=DatasetConfig(labels=(files[0],), repeated=(files[1],)), out=tmp_path / "out")
    found = read_sigmas(tmp_path / "out" / "repeats.json", NODES)
    assert found is not None
    assert found / SIGMAS == pytest.approx(np.ones(6), abs=0.07)
    told = read_json(tmp_path / "out" / "repeats.json")
    assert told["animals"] == {"compared": 800, "copied": 0, "labels_only": 0, "repeated_only": 0}
    rows = pd.read_parquet(tmp_path / "out" / "distances.parquet")
    assert told["distance_px"] == {
        "n": 6 * 800,
        "p50": pytest.approx(rows["distance_px"].median()),
        "p95": pytest.approx(rows["distance_px"].quantile(0.95)),
    }
    turned = read_sigmas(tmp_path / "out" / "repeats.json", NODES[::-1])
    assert turned is not None and turned == pytest.approx(found[::-1])
    with pytest.raises(InputError, match="about the nodes"):
        read_sigmas(tmp_path / "out" / "repeats.json", NODES[1:])


def test_which_labelling_is_the_second_and_how_animals_are_ordered_does_not_matter() -> None:
    first, second = two_labellings(60)
    table, animals = distances(frames_of(first, second), NODES)
    turned, same = distances(frames_of(second, [one[::-1] for one in first]), NODES)
    assert sigmas(turned) == pytest.approx(sigmas(table), rel=1e-12)
    assert turned["distance_px"].to_numpy() == pytest.approx(table["distance_px"].to_numpy())
    assert same == animals


def test_in_a_crowd_of_half_hidden_animals_the_order_does_not_matter_either() -> None:
    random = np.random.default_rng(0)
    crowd = [BODY + random.uniform(0, 60, (3, 1, 2)) for _ in range(100)]
    both = [[one + random.normal(0, 3, one.shape) for one in crowd] for _ in range(2)]
    for one in (*both[0], *both[1]):
        one[:, 1:][random.random((3, 5)) < 0.5] = np.nan
    apart = [distances(frames_of(*order), NODES)[0]["distance_px"] for order in (both, both[::-1])]
    assert sorted(apart[0]) == pytest.approx(sorted(apart[1]))


def test_another_animal_nearby_is_no_second_labelling() -> None:
    first, second = two_labellings(20)
    beside = [one + np.array([[[40.0, 30.0]], [[0.0, 0.0]]]) for one in second]
    _, animals = distances(frames_of(first, beside), NODES)
    assert animals == {"compared": 20, "copied": 0, "labels_only": 20, "repeated_only": 20}


def test_what_one_labelling_lacks_is_no_pair_and_changes_no_other() -> None:
    first, second = two_labellings(200)
    whole, _ = distances(frames_of(first, second), NODES)
    random = np.random.default_rng(1)
    thinned = [one.copy() for one in second]
    for one in thinned:
        one[:, :3][random.random((2, 3)) < 0.3] = np.nan
    left = [one[1:] if index % 4 == 0 else one for index, one in enumerate(thinned)]
    table, animals = distances(frames_of(first, left), NODES)
    assert animals == {"compared": 350, "copied": 0, "labels_only": 50, "repeated_only": 0}
    shown = np.concatenate([np.isfinite(one).all(axis=-1) for one in left])
    assert [int((table["node"] == node).sum()) for node in NODES] == shown.sum(axis=0).tolist()
    kept = whole.merge(table[["frame", "instance", "node"]], on=["frame", "instance", "node"])
    assert kept["distance_px"].to_numpy() == pytest.approx(table["distance_px"].to_numpy())


def test_copies_are_no_second_labelling_and_outliers_no_spread() -> None:
    first, second = two_labellings(200)
    clean = sigmas(distances(frames_of(first, second), NODES)[0])
    copied = [*second, *(one.copy() for one in first)]
    table, animals = distances(frames_of([*first, *first], copied), NODES)
    assert (animals["compared"], animals["copied"]) == (400, 400)
    assert sigmas(table) == pytest.approx(clean)
    for one in second[::20]:
        one[0, 4] += [0.0, 60.0]  # ten tails of animal 0
    table, _ = distances(frames_of(first, second), NODES)
    told = spread(table, NODES)["nodes"]
    assert [entry["outliers"] for entry in told] == [0, 0, 0, 0, 10, 0]
    assert sigmas(table) == pytest.approx(clean, rel=0.05)


def test_a_node_with_few_pairs_takes_the_median_of_the_others_and_says_so() -> None:
    first, second = two_labellings(50)
    for one in second[(MIN_PAIRS - 1) // 2 :]:
        one[:, 5] = np.nan
    entries = spread(distances(frames_of(first, second), NODES)[0], NODES)["nodes"]
    measured = [entry["sigma"] for entry in entries[:5]]
    assert {entry["source"] for entry in entries[:5]} == {"measured"}
    assert entries[5]["n"] < MIN_PAIRS
    assert (entries[5]["source"], entries[5]["sigma"]) == ("median of the others", np.median(measured))


def test_nothing_measured_is_no_sigma(tmp_path: Path) -> None:
    first, second = two_labellings(2)
    files = [str(write(tmp_path / f"{name}.slp", own)) for name, own in (("first", first), ("second", second))]
    measure_repeats(dataset=DatasetConfig(labels=(files[0],), repeated=(files[1],)), out=tmp_path)
    assert read_sigmas(tmp_path / "repeats.json", NODES) is None
    assert read_sigmas(None, NODES) is None
    points = [one[:, :1] for one in first]  # one node has no area, and OKS no meaning
    table, animals = distances(frames_of(points * 20, [one[:, :1] for one in second] * 20), NODES[:1])
    assert animals["compared"] == 80 and table["variance"].isna().all()
    assert spread(table, NODES[:1])["nodes"][0]["sigma"] is None


def test_nodes_are_told_by_name_and_a_missing_one_only_where_it_may_be(tmp_path: Path) -> None:
    first, second = two_labellings(20)
    labels = str(write(tmp_path / "first.slp", first))
    turned = str(write(tmp_path / "turned.slp", [one[:, 4::-1] for one in second], nodes=NODES[4::-1]))
    with pytest.raises(InputError, match="The skeletons differ"):
        measure_repeats(dataset=DatasetConfig(labels=(labels,), repeated=(turned,)), out=tmp_path)
    dataset = DatasetConfig(labels=(labels,), repeated=(turned,), missing_nodes=("wing",))
    measure_repeats(dataset=dataset, out=tmp_path)
    for one in second:
        one[:, 5] = np.nan  # the area of an animal is that of the nodes it shows
    expected = sigmas(distances(frames_of(first, second), NODES)[0])
    found = read_sigmas(tmp_path / "repeats.json", NODES)
    assert found is not None and found == pytest.approx(expected, rel=1e-5)
    assert read_json(tmp_path / "repeats.json")["nodes"][5]["n"] == 0


def test_embedded_frames_of_a_film_that_goes_by_another_path_are_of_that_film(
    shared_data: Path, tmp_path: Path
) -> None:
    mice = shared_data / "mice-home"
    labels = read_parts([mice / "labels.slp"])
    elsewhere = LabelSet(labels[0].skeleton, (VideoRef("Z:/lab/cage.mp4", None),), tuple(labels[0].frames))
    write_labels(elsewhere, tmp_path / "labels.slp")
    path_map = {"Z:/lab/cage.mp4": str(mice / "video.mp4")}
    parts = read_parts([tmp_path / "labels.slp"], path_map=path_map)
    (repeated,) = read_parts([mice / "labels.pkg.slp"])
    assert len(labelled_twice(parts, repeated, parts[0].skeleton)) == 10


@pytest.mark.parametrize(
    ("labels", "again", "frames"),
    [
        ("mice-home/labels.slp", "mice-home/labels.pkg.slp", 10),
        ("mice-home/labels.pkg.slp", "mice-home/labels.slp", 10),
        ("mouse-openfield/config.yaml", "mouse-openfield/labeled-data/m4s1/CollectedData_Pranav.csv", 116),
    ],
)
def test_one_frame_is_found_in_any_kind_of_file(shared_data: Path, labels: str, again: str, frames: int) -> None:
    parts, repeated = read_parts([shared_data / labels]), read_parts([shared_data / again])
    found = labelled_twice(parts, repeated[0], join_parts(parts).skeleton)
    _, animals = distances(found, parts[0].skeleton.nodes)
    assert len(found) == frames
    assert animals["copied"] == sum(len(frame.points) for frame in parts[0].frames)
