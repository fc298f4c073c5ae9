"""The sheet of videos: what its cells mean, and every faulty cell named at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from posewright.config.sheet import COLUMNS, VideoRow, read_sheet
from posewright.errors import InputError, InputProblems


def sheet(folder: Path, *lines: str) -> Path:
    path = folder / "videos.tsv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_all_columns_are_read(tmp_path: Path) -> None:
    cells = "v1\ta b.mp4\tflies\ts1\ttop\tg\tmia, max\t2\t10\t90\t0,0,100,50\t29.97\t12.5\tyes\tnote"
    path = sheet(tmp_path, "\t".join(COLUMNS) + "\tmine", cells)
    assert read_sheet(path) == [
        VideoRow(
            "v1", "a b.mp4", "flies", "s1", "top", "g", ("mia", "max"), 2, 10, 90, (0, 0, 100, 50), 29.97, 12.5, True,
            {"mine": "note"},
        )
    ]  # fmt: skip


def test_empty_cells_are_none_and_short_rows_are_filled(tmp_path: Path) -> None:
    path = sheet(tmp_path, "video\tpath\tfps\tnote", "# a comment", "v1\ta.mp4", "", '"v-2"\t"a\tb.mp4"\t\t')
    assert read_sheet(path) == [
        VideoRow("v1", "a.mp4", extra={"note": ""}),
        VideoRow("v-2", "a\tb.mp4", extra={"note": ""}),
    ]


def test_all_problems_are_named_with_row_column_value_and_remedy(tmp_path: Path) -> None:
    path = sheet(
        tmp_path,
        "video\tpath\tdataset\tstart\tstop\troi\tfps\texclude",
        "v1\ta.mp4\tflies\t\t\t\t\t",
        "v1\tb.mp4\tflys\t5\t4\t1,2,3\tfast\tperhaps",
        "../x\t\t\t-1\t\t\t0\t",
    )
    with pytest.raises(InputProblems) as caught:
        read_sheet(path, ["flies", "mice"])
    said = str(caught.value)
    for expected in (
        "row 3 column video: the id 'v1' already stands in row 2",
        "row 3 column dataset: there is no dataset 'flys'; did you mean 'flies'?",
        "row 3 column stop: 4 does not lie behind the start 5",
        "row 3 column roi: '1,2,3' is no region",
        "row 3 column fps: 'fast' is no number",
        "row 3 column exclude: 'perhaps' is neither yes nor no",
        "row 4 column video: '../x' is no id",
        "row 4 column path: the cell is empty",
        "row 4 column dataset: the cell is empty but there are several datasets",
        "row 4 column start: '-1' is no whole number from 0",
        "row 4 column fps: '0' is no number above 0",
    ):
        assert expected in said
    assert len(caught.value.problems) == 11


def test_a_single_dataset_fills_empty_cells(tmp_path: Path) -> None:
    assert read_sheet(sheet(tmp_path, "video\tpath", "v\ta"), ["flies"])[0].dataset == "flies"


@pytest.mark.parametrize(
    ("header", "expected"),
    [("video\tfile", "column path: the column is missing"), ("video\tpath\tpath", "stands there twice")],
)
def test_faulty_headers_are_told(tmp_path: Path, header: str, expected: str) -> None:
    with pytest.raises(InputProblems, match=expected):
        read_sheet(sheet(tmp_path, header, "v\ta\tb"))


def test_surplus_cells_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputProblems, match="row 2: 'c' stand beyond the last column"):
        read_sheet(sheet(tmp_path, "video\tpath", "v\ta\tc"))


def test_missing_and_empty_sheets_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_sheet(tmp_path / "none.tsv")
    with pytest.raises(InputError, match="is empty"):
        read_sheet(sheet(tmp_path, ""))
    assert read_sheet(sheet(tmp_path, "video\tpath")) == []
