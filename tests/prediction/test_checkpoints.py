from __future__ import annotations

from pathlib import Path

import pytest

from posewright.errors import InputError
from posewright.files import file_digest
from posewright.prediction.checkpoints import require_checkpoints


@pytest.mark.parametrize("name", ["best.ckpt", "best_model.h5"])
def test_models_from_elsewhere_are_those_of_their_digests(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"weights")
    digest = file_digest(tmp_path / name)
    require_checkpoints({str(tmp_path): digest})
    (tmp_path / name).write_bytes(b"other weights")
    with pytest.raises(InputError, match=f"the config says {digest}"):
        require_checkpoints({str(tmp_path): digest})


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError) as told:
        require_checkpoints({str(tmp_path): "0" * 64, str(tmp_path / "gone"): "0" * 64})
    assert "has none of best.ckpt" in str(told.value) and "there is no such folder" in str(told.value)
