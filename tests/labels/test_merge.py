"""Corrected labels joined with the project's: nothing a person did is lost, nothing is there twice, test stays test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import sleap_io
from hypothesis import given, settings
from hypothesis import strategies as st

from posewright.config.labels import SplitConfig
from posewright.errors import InputError
from posewright.labels.digest import labels_digest
from posewright.labels.find import Places
from posewright.labels.memory import recall_groups, remember_groups
from posewright.labels.merge import Merged, merge_labels
from posewright.labels.read import read_labels
from posewright.labels.split import split_labels

NODES = ("nose", "ear", "tail")
BODY = np.array([[20.0, 0.0], [12.0, 6.0], [-20.0, 0.0]])
Animal = tuple[float, float, str | None]  #: middle and track


def write(
    path: Path,
    users: Mapping[tuple[str, int], Sequence[Animal]],
    predicted: Mapping[tuple[str, int], Sequence[Animal]] | None = None,
    nodes: Sequence[str] = NODES,
    linked: bool = False,
) -> Path:
    """Write a ``.slp`` as a labelling tool does; ``linked``: each user instance was made of a prediction 1 px aside."""
    skeleton = sleap_io.Skeleton([sleap_io.Node(name) for name in nodes])
    order = [NODES.index(name) for name in nodes if name in NODES]
    frames: dict[tuple[str, int], sleap_io.LabeledFrame] = {}
    videos = {name: sleap_io.Video(filename=name, open_backend=False) for name, _ in [*users, *(predicted or {})]}
    tracks: dict[str, sleap_io.Track] = {}

    def frame(key: tuple[str, int]) -> sleap_io.LabeledFrame:
        return frames.setdefault(key, sleap_io.LabeledFrame(video=videos[key[0]], frame_idx=key[1]))

    def track(name: str | None) -> sleap_io.Track | None:
        return None if name is None else tracks.setdefault(name, sleap_io.Track(name))

    def at(x: float, y: float) -> np.ndarray:
        return np.asarray((np.array([x, y]) + BODY)[order])

    for key, animals in (predicted or {}).items():
        for x, y, name in animals:
            frame(key).instances.append(
                sleap_io.PredictedInstance.from_numpy(at(x, y), skeleton=skeleton, score=0.5, track=track(name))
            )
    for key, animals in users.items():
        for x, y, name in animals:
            made_of = None
            if linked:
                made_of = sleap_io.PredictedInstance.from_numpy(at(x + 1, y), skeleton=skeleton, score=0.5)
                frame(key).instances.append(made_of)
            frame(key).instances.append(
                sleap_io.Instance.from_numpy(at(x, y), skeleton=skeleton, track=track(name), from_predicted=made_of)
            )
    labels = sleap_io.Labels(
        list(frames.values()), videos=list(videos.values()), skeletons=[skeleton], tracks=list(tracks.values())
    )
    sleap_io.save_slp(labels, path.as_posix(), embed=False, verbose=False)
    return path


Content = dict[tuple[str, int], list[tuple[float, float, str | None]]]


def content(path: Path, kind: str = "user_instances") -> Content:
    """Return (video, frame) -> middle and track of its instances, sorted."""
    found: Content = {}
    for frame in sleap_io.load_slp(path.as_posix(), open_videos=False).labeled_frames:
        own = []
        for one in getattr(frame, kind):
            x, y = np.nanmean(one.numpy() - BODY, axis=0).round(2).tolist()
            own.append((x, y, one.track.name if one.track else None))
        if own:
            found.setdefault((str(frame.video.filename), int(frame.frame_idx)), []).extend(own)
    return {key: sorted(values, key=str) for key, values in found.items()}


def merge(labels: Path, *corrected: Path, out: Path | None = None) -> tuple[Path, Merged]:
    out = out or labels.with_name(f"{labels.stem}+{'+'.join(path.stem for path in corrected)}.slp")
    return out, merge_labels(labels, corrected, out, Places())


#: Animals far enough apart that none is taken for another one.
FRAMES = st.dictionaries(
    st.tuples(st.sampled_from(["s1/a.mp4", "s2/a.mp4", "b.mp4"]), st.integers(0, 3)),
    st.lists(
        st.tuples(st.sampled_from([0.0, 100.0, 200.0]), st.just(50.0), st.sampled_from(["m", None])),
        unique_by=lambda animal: animal[0],
        min_size=1,
        max_size=3,
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=10)
@given(FRAMES, FRAMES, FRAMES, st.booleans())
def test_every_user_instance_is_there_once(a: Content, b: Content, predicted: Content, linked: bool) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        ours = write(folder / "a.slp", a, predicted)
        theirs = write(folder / "b.slp", b, linked=linked)
        before = [ours.read_bytes(), theirs.read_bytes()]
        out, merged = merge(ours, theirs)
        assert [ours.read_bytes(), theirs.read_bytes()] == before
        found = content(out)
        for key in a.keys() | b.keys():
            places = {(x, y): track for own in (a, b) for x, y, track in own.get(key, [])}
            assert found[key] == sorted(((x, y, track) for (x, y), track in places.items()), key=str)
        assert found.keys() == a.keys() | b.keys()
        total = sum(map(len, found.values()))
        assert merged.counts["kept"] + merged.counts["corrected"] + merged.counts["added"] == total
        again, _ = merge(out, theirs)
        assert content(again) == found
        assert content(again, "predicted_instances") == content(out, "predicted_instances")
        assert labels_digest(again) == labels_digest(out)


def test_a_correction_takes_the_place_of_what_it_corrects(tmp_path: Path) -> None:
    ours = write(tmp_path / "a.slp", {("v.mp4", 3): [(50, 50, None), (150, 50, None)]})
    theirs = write(tmp_path / "b.slp", {("v.mp4", 3): [(52, 51, None), (250, 50, None)]})
    out, merged = merge(ours, theirs)
    assert content(out) == {("v.mp4", 3): [(150, 50, None), (250, 50, None), (52, 51, None)]}
    assert [merged.counts[name] for name in ("kept", "corrected", "added", "equal")] == [1, 1, 1, 0]
    assert "frame 3 of v.mp4, the animal at (56, 53): nodes moved by up to 2.2 px" in "\n".join(merged.lines())


def test_an_animal_that_two_files_correct_is_counted_once(tmp_path: Path) -> None:
    ours = write(tmp_path / "a.slp", {("v.mp4", 3): [(50, 50, None), (150, 50, None)]})
    theirs = [write(tmp_path / f"{x}.slp", {("v.mp4", 3): [(x, 51, None), (x + 200, 50, None)]}) for x in (52, 54)]
    out, merged = merge(ours, *theirs)
    assert content(out) == {("v.mp4", 3): [(150, 50, None), (254, 50, None), (54, 51, None)]}
    assert [merged.counts[name] for name in ("kept", "corrected", "added", "equal")] == [1, 1, 1, 0]
    assert len(merged.corrections) == 3


def test_predictions_give_way_and_what_labels_were_made_of_stays(tmp_path: Path) -> None:
    key, other = ("v.mp4", 3), ("v.mp4", 9)
    old = {key: [(50, 50, None), (150, 50, None)], other: [(10, 10, None)]}
    ours = write(tmp_path / "a.slp", {("v.mp4", 1): [(0, 0, None)]}, old)
    theirs = write(
        tmp_path / "b.slp",
        {key: [(53, 50, None)]},
        {other: [(14, 10, None)], ("v.mp4", 77): [(1, 1, None)]},
        linked=True,
    )
    out, merged = merge(ours, theirs)
    assert content(out) == {("v.mp4", 1): [(0, 0, None)], key: [(53, 50, None)]}
    assert content(out, "predicted_instances") == {key: [(54, 50, None)], other: [(14, 10, None)]}
    assert merged.counts["predictions_replaced"] == 3
    assert merged.counts["frames_left_out"] == 1
    (label,) = (
        one
        for frame in sleap_io.load_slp(out.as_posix(), open_videos=False).labeled_frames
        for one in frame.user_instances
        if frame.frame_idx == 3
    )
    assert label.from_predicted is not None  # tells it from labels that a person made from nothing
    np.testing.assert_allclose(label.from_predicted.numpy()[:, 0] - label.numpy()[:, 0], 1.0)


def test_videos_are_one_by_their_path_and_never_by_their_name_alone(tmp_path: Path) -> None:
    ours = write(
        tmp_path / "a.slp", {("C:/lab/s1/cam0.mp4", 1): [(0, 0, None)], ("C:/lab/s2/cam0.mp4", 1): [(9, 9, None)]}
    )
    theirs = write(
        tmp_path / "b.slp", {("/data/s2/cam0.mp4", 5): [(1, 1, None)], ("/data/s3/cam0.mp4", 5): [(2, 2, None)]}
    )
    out, merged = merge(ours, theirs)
    assert set(content(out)) == {
        ("C:/lab/s1/cam0.mp4", 1),
        ("C:/lab/s2/cam0.mp4", 1),
        ("C:/lab/s2/cam0.mp4", 5),
        ("/data/s3/cam0.mp4", 5),
    }
    told = "\n".join(merged.lines())
    assert "/data/s2/cam0.mp4" in told
    assert "/data/s3/cam0.mp4" in told
    bare = write(tmp_path / "c.slp", {("cam0.mp4", 5): [(1, 1, None)]})
    with pytest.raises(InputError, match="could be any of"):
        merge(ours, bare)


def test_nodes_in_another_order_are_the_same_and_other_nodes_are_refused(tmp_path: Path) -> None:
    ours = write(tmp_path / "a.slp", {("v.mp4", 1): [(0, 0, None)]})
    turned = write(tmp_path / "b.slp", {("v.mp4", 1): [(0, 0, None)], ("v.mp4", 2): [(5, 5, None)]}, nodes=NODES[::-1])
    out, merged = merge(ours, turned)
    assert content(out) == {("v.mp4", 1): [(0, 0, None)], ("v.mp4", 2): [(5, 5, None)]}
    assert merged.counts["equal"] == 1
    with pytest.raises(InputError, match="its nodes are nose, ear, those"):
        merge(ours, write(tmp_path / "c.slp", {("v.mp4", 1): [(0, 0, None)]}, nodes=NODES[:2]))


def test_labels_without_a_skeleton_are_no_ground_to_merge_on(tmp_path: Path) -> None:
    sleap_io.Labels().save(str(tmp_path / "empty.slp"), verbose=False)
    with pytest.raises(InputError, match=r"empty\.slp has no skeleton, so nothing can be joined to it; name"):
        merge_labels(tmp_path / "empty.slp", [tmp_path / "empty.slp"], tmp_path / "out.slp", Places())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    ours = write(tmp_path / "a.slp", {("v.mp4", 1): [(0, 0, None)]})
    with pytest.raises(InputError, match="nothing is overwritten"):
        merge(ours, ours, out=ours)


@pytest.mark.parametrize(("seed", "by"), [(0, "video"), (1, "video"), (2, "block")])
def test_test_frames_stay_in_test_and_new_frames_of_test_videos_never_train(seed: int, by: str) -> None:
    chance = np.random.default_rng(seed)
    names = [f"v{i}.mp4" for i in range(8)]

    def some(frames: Sequence[int]) -> dict[tuple[str, int], list[Animal]]:
        return {(name, int(frame)): [(float(frame), 9.0, None)] for name in names for frame in frames}

    with TemporaryDirectory() as name:
        folder, split = Path(name), SplitConfig(by=by, val=0.2, test=0.3, block_frames=20, gap_frames=0)  # type: ignore[arg-type]
        ours = write(folder / "a.slp", some(range(0, 200, 10)))
        fresh = write(folder / "b.slp", some(sorted(chance.choice(200, 20, replace=False))))
        out, _ = merge(ours, fresh)

        def sides(path: Path) -> dict[tuple[str, int], str]:
            labels = read_labels([path])
            found = split_labels(
                labels,
                by=split.by,
                val=0.2,
                test=0.3,
                block_frames=20,
                gap_frames=0,
                remembered=recall_groups(folder / "groups.tsv", split),
            )
            remember_groups(folder / "groups.tsv", split, found.places)
            return {(labels.videos[video].path, frame): side for video, frame, _, side in found.units}

        before, after = sides(ours), sides(out)
        assert len(after) > len(before)
        assert {key: after[key] for key in before} == before
        block = 20 if by == "block" else 10**6
        test = {(video, frame // block) for (video, frame), side in before.items() if side == "test"}
        assert all(side == "test" for (video, frame), side in after.items() if (video, frame // block) in test)


def test_a_real_project_and_its_correction(shared_data: Path, tmp_path: Path) -> None:
    """Labels with embedded images: corrected in sleap-io's data model, joined, read and split again."""
    source = shared_data / "mice-home" / "labels.pkg.slp"
    labels = sleap_io.load_slp(source.as_posix(), open_videos=False)
    first = labels.labeled_frames[0].user_instances[0]
    points = first.numpy()
    points += 2.0
    labels.labeled_frames[0].instances[0] = sleap_io.Instance.from_numpy(
        points, skeleton=first.skeleton, track=first.track
    )
    sleap_io.save_slp(labels, (tmp_path / "corrected.slp").as_posix(), embed=None, verbose=False)
    out, merged = merge(source, tmp_path / "corrected.slp", out=tmp_path / "merged.slp")
    assert merged.counts["corrected"] == 1
    assert merged.counts["added"] == 0
    joined, old = read_labels([out]), read_labels([source])
    assert [frame.key for frame in joined.frames] == [frame.key for frame in old.frames]
    for one, before in zip(joined.frames, old.frames, strict=True):
        far = np.abs(one.points[:, None] - before.points[None])
        apart = np.nanmax(far, axis=(2, 3)).min(axis=1)
        assert sorted(apart.round(3)) == ([0.0, 2.0] if one is joined.frames[0] else [0.0, 0.0])
    assert joined.videos[0].source is not None
