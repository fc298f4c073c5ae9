"""Whole label files whose videos lie elsewhere: the right ones are found, verified, and given back as spelled."""

from __future__ import annotations

import re
from pathlib import Path

import av
import numpy as np
import pytest
import sleap_io

from posewright.check import check_inputs
from posewright.config.project import load_project
from posewright.config.sheet import VideoRow
from posewright.errors import InputError, InputProblems
from posewright.labels.digest import labels_digest
from posewright.labels.model import LabelSet, VideoRef
from posewright.labels.read import read_labels, read_parts
from posewright.labels.recordings import groups_of
from posewright.labels.videos import same_video
from posewright.labels.write import write_labels

from .make_labels import make_labels

FIRST, SECOND = "Z:\\lab\\s1\\cam0.mp4", "Z:\\lab\\s2\\cam0.mp4"


def film(path: Path, n_frames: int = 12, side: int = 64, edge: int = 0) -> Path:
    """Write frames that grow brighter; with an edge, there is a white square that far from the left and upper side."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width = stream.height = side
        stream.pix_fmt = "yuv420p"
        for number in range(n_frames):
            image = np.full((side, side, 3), 20 * number % 255, np.uint8)
            image[edge : edge + 12, edge : edge + 12] = 255 if edge else image[0, 0]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode())
    return path


def labelled(folder: Path, videos: tuple[str, ...], stored: tuple[int, int, int] | None = None) -> Path:
    labels = make_labels([(video, 3) for video in range(len(videos))], videos)
    made = LabelSet(labels.skeleton, tuple(VideoRef(path, None, stored=stored) for path in videos), labels.frames)
    write_labels(made, folder / "labels.slp")
    return folder / "labels.slp"


@pytest.mark.parametrize("path_map", [{}, {"Z:/lab": "{}/data"}])
def test_videos_of_one_name_are_told_apart_by_their_folders(tmp_path: Path, path_map: dict[str, str]) -> None:
    one, two = film(tmp_path / "data" / "s1" / "cam0.mp4"), film(tmp_path / "data" / "s2" / "cam0.mp4")
    mapped = {old: new.format(tmp_path) for old, new in path_map.items()}
    places = [] if mapped else [tmp_path]
    labels = read_labels([labelled(tmp_path / "labels", (FIRST, SECOND))], video_paths=places, path_map=mapped)
    assert [video.source for video in labels.videos] == [one, two]
    two.unlink()
    labels = read_labels([tmp_path / "labels" / "labels.slp"], video_paths=places, path_map=mapped)
    assert [video.source for video in labels.videos] == [one, None]


def test_one_film_beside_the_labels_is_not_taken_for_two(tmp_path: Path) -> None:
    film(tmp_path / "cam0.mp4")
    with pytest.raises(InputError, match="could be the video"):
        read_labels([labelled(tmp_path, (FIRST, SECOND))])


def test_one_film_is_not_taken_for_the_videos_of_two_label_files(tmp_path: Path) -> None:
    film(tmp_path / "cam0.mp4")
    files = [labelled(tmp_path / "a", (FIRST,)), labelled(tmp_path / "b", (SECOND,))]
    with pytest.raises(InputError, match=r"bears the name of two videos: .*s1.* in .*a.labels\.slp and .*s2"):
        read_labels(files, video_paths=[tmp_path])
    both = {"Z:/lab/s1": str(tmp_path), "Z:/lab/s2": str(tmp_path)}
    with pytest.raises(InputError, match="bears the name of two"):
        read_labels(files, video_paths=[tmp_path], path_map={"Z:/lab/s1": str(tmp_path)})
    assert len(read_labels(files, path_map=both).videos) == 1


def test_size_and_length_tell_files_of_one_name_apart(tmp_path: Path) -> None:
    film(tmp_path / "a" / "cam0.mp4", n_frames=30)
    film(tmp_path / "b" / "cam0.mp4", side=96)
    right = film(tmp_path / "c" / "cam0.mp4")
    path = labelled(tmp_path / "labels", (FIRST,), stored=(12, 64, 64))
    assert read_labels([path], video_paths=[tmp_path]).videos[0].source == right
    right.unlink()
    assert read_labels([path], video_paths=[tmp_path]).videos[0].source is None
    plain = labelled(tmp_path / "plain", (FIRST,))
    with pytest.raises(InputError, match=r"could be any of .*a.cam0\.mp4, .*b.cam0\.mp4"):
        read_labels([plain], video_paths=[tmp_path])


def packed(films: list[Path], out: Path) -> Path:
    """Write labels with the images of some frames of each film embedded."""
    skeleton = sleap_io.Skeleton(["nose", "tail"])
    instance = sleap_io.Instance.from_numpy(np.array([[3.0, 4.0], [20, 30]]), skeleton=skeleton)
    videos = [sleap_io.Video.from_filename(path.as_posix()) for path in films]
    frames = [
        sleap_io.LabeledFrame(video=video, frame_idx=frame, instances=[instance])
        for video in videos
        for frame in (2, 9)
    ]
    out.parent.mkdir(parents=True, exist_ok=True)
    sleap_io.Labels(frames).save(out.as_posix(), embed="user", verbose=False)
    return out


def test_images_of_two_films_of_one_name_are_of_two_videos(tmp_path: Path) -> None:
    films = [film(tmp_path / place / "s1" / "cam0.mp4", edge=edge) for place, edge in (("a", 8), ("b", 40))]
    files = [
        packed([one], tmp_path / place / "cam0.pkg.slp") for one, place in zip(films, ("labels", "again"), strict=True)
    ]
    (ours,), (theirs,) = (part.videos for part in read_parts(files))
    assert same_video([ours], theirs, files[1]) is None
    films[1].unlink()
    (unknown,) = read_parts(files[1:])[0].videos
    assert same_video([ours], unknown, files[1]) == 0  # the names are all that is known of it


def test_embedded_images_tell_films_of_one_name_size_and_length_apart(tmp_path: Path) -> None:
    labels = packed([film(tmp_path / "old" / "cam0.mp4", edge=40)], tmp_path / "labels" / "cam0.pkg.slp")
    right = tmp_path / "data" / "s2" / "cam0.mp4"
    right.parent.mkdir(parents=True)
    (tmp_path / "old" / "cam0.mp4").rename(right)
    wrong = film(tmp_path / "data" / "s1" / "cam0.mp4", edge=8)
    (video,) = read_labels([labels], video_paths=[tmp_path / "data"]).videos
    assert (video.original, video.source) == (right, labels)
    sheet = [VideoRow(video="one", path=str(wrong), session="a"), VideoRow(video="two", path=str(right), session="b")]
    assert groups_of(read_labels([labels], video_paths=[tmp_path / "data"]), sheet, "session") == {0: "b"}

    copy = tmp_path / "data" / "s3" / "cam0.mp4"
    copy.parent.mkdir()
    copy.write_bytes(right.read_bytes())
    with pytest.raises(InputError, match=rf"could be any of {right}, {copy} \(each shows the images embedded"):
        read_labels([labels], video_paths=[tmp_path / "data"])
    right.unlink()
    copy.write_bytes(film(tmp_path / "x.mp4", edge=20).read_bytes())
    with pytest.raises(InputError, match=rf"could be any of {wrong}, {copy} \(none shows the images embedded"):
        read_labels([labels], video_paths=[tmp_path / "data"])
    assert read_labels([labels]).videos[0].original is None


def test_a_film_of_the_right_name_with_other_pictures_is_told(tmp_path: Path) -> None:
    labels = packed([film(tmp_path / "old" / "cam0.mp4", edge=40)], tmp_path / "labels" / "cam0.pkg.slp")
    (tmp_path / "old" / "cam0.mp4").unlink()
    other = film(tmp_path / "data" / "cam0.mp4", edge=8)
    dataset = {"labels": [str(labels)], "label_source": "human", "video_paths": [str(tmp_path / "data")]}
    project = load_project({"datasets": {"data": dataset}, "split": {"block_frames": 1, "gap_frames": 0}})
    with pytest.raises(InputProblems, match=re.escape(f"{other} is not the video as it was labelled")):
        check_inputs(project, "data", tmp_path / "check.json")


def test_embedded_images_say_whose_film_lies_beside_the_labels(tmp_path: Path) -> None:
    films = [film(tmp_path / "s1" / "cam0.mp4", edge=40), film(tmp_path / "s2" / "cam0.mp4", edge=8)]
    labels = packed(films, tmp_path / "labels" / "both.pkg.slp")
    films[0].unlink()
    beside = films[1].rename(tmp_path / "labels" / "cam0.mp4")
    assert [video.original for video in read_labels([labels]).videos] == [None, beside]


def test_paths_come_back_as_they_were_spelled(tmp_path: Path) -> None:
    first = labelled(tmp_path / "a", (FIRST, "/home/me/rec 1/ä.mp4", "rel/cam.mp4"), stored=(12, 64, 64))
    once = read_labels([first])
    write_labels(once, tmp_path / "b.slp")
    again = read_labels([tmp_path / "b.slp"])
    assert [video.path for video in again.videos] == [FIRST, "/home/me/rec 1/ä.mp4", "rel/cam.mp4"]
    assert (again, [video.stored for video in again.videos]) == (once, [(12, 64, 64)] * 3)
    assert labels_digest(first) == labels_digest(tmp_path / "b.slp")
