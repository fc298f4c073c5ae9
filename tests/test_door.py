from __future__ import annotations

import pytest

from posewright import door
from posewright.errors import InputError


def test_a_fault_of_the_inputs_is_its_sentence_and_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise InputError("labels.slp does not exist; correct the path.")

    with pytest.raises(SystemExit) as left:
        door.main(fail)
    assert left.value.code == 2
    assert capsys.readouterr().err == "labels.slp does not exist; correct the path.\n"


def test_a_fault_of_ours_keeps_its_traceback() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        door.main(fail)


@pytest.mark.parametrize(("answer", "code"), [(None, 0), (0, 0), (3, 3)])
def test_the_exit_code_is_the_doors(answer: int | None, code: int) -> None:
    with pytest.raises(SystemExit) as left:
        door.main(lambda: answer)
    assert left.value.code == code


def test_a_mapping_is_a_json_object() -> None:
    assert door.mapping('{"a": 1}') == {"a": 1}
    with pytest.raises(ValueError, match="JSON object"):
        door.mapping("[1]")
