"""Every video has a row and, where it has frames, a contact sheet; the worst come first; nothing is judged twice."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from posewright.config.sheet import VideoRow
from posewright.evaluation.videos.quality import VideoQuality
from posewright.report import video_quality
from posewright.report.context import Context
from posewright.report.gather import gather
from posewright.report.page import Gallery, Table
from posewright.report.quality import quality_section
from posewright.report.video_quality import check_quality

from .make_videos import make_videos, publish_video

RELEASE = "dev-topdown"


def test_every_video_has_a_row_and_every_film_a_sheet(tmp_path: Path) -> None:
    results = tmp_path / "flies"
    make_videos(tmp_path, results)
    videos = pd.read_parquet(results / "quality" / RELEASE / "videos.parquet").set_index("video")
    assert list(videos.index) == ["arena0", "arena1", "arena2", "arena3"]
    assert list(videos["has_sheet"]) == [True, True, True, False]
    assert videos.loc["arena0", "clean"] == 1.0
    assert videos.loc["arena2", "as_expected"] == pytest.approx(1 - 16 / 60)
    assert videos.loc["arena2", "clean"] == pytest.approx(1 - (16 + 7) / 60)
    assert np.isnan(videos.loc["arena3", "clean"])
    intervals = pd.read_parquet(results / "quality" / RELEASE / "intervals.parquet")
    assert set(intervals["reason"]) == {"fewer animals", "low score"}
    sheets = sorted((results / "quality" / RELEASE / "sheets").iterdir())
    assert [path.name for path in sheets] == ["arena0.jpg", "arena1.jpg", "arena2.jpg"]


def test_a_sheet_shows_frames_of_the_film_with_poses_in_colour(tmp_path: Path) -> None:
    make_videos(tmp_path, tmp_path / "flies", n_videos=2)
    sheet = cv2.imread(str(tmp_path / "flies" / "quality" / RELEASE / "sheets" / "arena0.jpg"))
    assert sheet.shape[1] == 4 * 280
    assert sheet.shape[0] > 2 * 200  # five frames in two rows
    spread = sheet.max(axis=2).astype(int) - sheet.min(axis=2)
    assert (spread > 80).sum() > 500  # gray film, coloured poses
    assert (np.abs(sheet.astype(int) - 150).max(axis=2) < 12).mean() > 0.3


def test_what_was_judged_is_not_judged_again_until_its_product_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[str] = []
    judge = video_quality.judge_video

    def noted(folder: Path, n_animals: int | None) -> VideoQuality:
        judged.append(folder.name)
        return judge(folder, n_animals)

    monkeypatch.setattr(video_quality, "judge_video", noted)
    results = tmp_path / "flies"
    rows = make_videos(tmp_path, results, n_videos=3)
    assert judged == ["arena0", "arena1", "arena2"]
    table = results / "quality" / RELEASE / "videos.parquet"
    before = pd.read_parquet(table)
    make_videos(tmp_path, results, n_videos=3)
    assert len(judged) == 3
    pd.testing.assert_frame_equal(pd.read_parquet(table), before)
    publish_video(results / "videos" / RELEASE / "arena1", Path(rows[1].path), faults=2, key="another release")
    check_quality(results / "videos" / RELEASE, rows, tmp_path / "work" / "quality", results / "quality" / RELEASE)
    assert judged[3:] == ["arena1"]


def test_a_film_that_is_gone_costs_its_pictures_only(tmp_path: Path) -> None:
    results = tmp_path / "flies"
    row = VideoRow("a", str(tmp_path / "film"))
    publish_video(results / "videos" / RELEASE / "a", tmp_path / "film", faults=0)
    row = VideoRow("a", str(tmp_path / "elsewhere"))
    check_quality(results / "videos" / RELEASE, [row], tmp_path / "work", results / "quality" / RELEASE)
    [found] = pd.read_parquet(results / "quality" / RELEASE / "videos.parquet").to_dict("records")
    assert (found["clean"], found["has_sheet"], found["is_assumed"]) == (1.0, False, True)


def test_the_section_lists_the_worst_first_with_their_sheets(tmp_path: Path) -> None:
    results = tmp_path / "flies"
    make_videos(tmp_path, results)
    section = quality_section(Context(gather(results, "val", None)))
    assert section is not None
    videos, intervals = (block for block in section.blocks if isinstance(block, Table))
    assert [row[0].text for row in videos.rows] == ["arena2", "arena1", "arena0", "arena3"]
    assert videos.rows[0][1].text == "61.7 %"
    assert videos.rows[0][0].href == "../quality/dev-topdown/sheets/arena2.jpg"
    assert (results / "report" / videos.rows[0][0].href).resolve().is_file()
    assert videos.rows[0][4].spark is not None
    assert intervals.rows[0][1].text == "fewer animals"
    [gallery] = [block for block in section.blocks if isinstance(block, Gallery)]
    assert [figure.title for figure in gallery.figures] == ["arena2", "arena1", "arena0"]


def test_without_videos_there_is_no_section(tmp_path: Path) -> None:
    assert quality_section(Context(gather(tmp_path / "flies", "val", None))) is None
