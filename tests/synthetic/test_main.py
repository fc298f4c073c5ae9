from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from posewright.synthetic.__main__ import main


def test_options_reach_the_data_set(tmp_path: Path) -> None:
    words = "--n-animals 1 --height 96 --width 128 --animal-length-px 40 --n-recordings 1 --n-frames 4 --n-labeled 2"
    assert main([str(tmp_path / "out"), *words.split(), "--no-hut", "--crowding", "0"]) == 0
    assert (tmp_path / "out/labels.slp").is_file()
    assert (tmp_path / "out/videos.tsv").read_text().count("recording_1") == 2
    truth = pq.read_table(tmp_path / "out/truth.parquet").to_pandas()
    assert len(truth) == 4 * 9
    assert truth.visible.all()


def test_wrong_values_are_sentences_not_tracebacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "out"), "--n-animals", "0", "--width", "255"]) == 2
    message = capsys.readouterr().err
    assert "n_animals: 0 is less than one" in message
    assert "255 px is odd" in message
    assert not (tmp_path / "out").exists()
