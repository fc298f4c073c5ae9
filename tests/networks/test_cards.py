"""A GPU that torch was not compiled for is refused at once, with a remedy."""

from __future__ import annotations

import pytest

from posewright.errors import InputError
from posewright.networks.cards import require_supported


@pytest.mark.parametrize(
    ("capability", "compiled", "runs"),
    [
        ((8, 6), ["sm_80", "sm_90"], True),
        ((8, 0), ["sm_86"], False),
        ((6, 1), ["sm_75", "sm_80", "sm_90"], False),
        ((12, 0), ["sm_90", "compute_90"], True),
        ((12, 0), ["sm_75", "sm_90"], False),
        ((9, 0), ["sm_90a"], True),
        ((10, 0), ["sm_100", "sm_120"], True),
        ((3, 5), [], False),
    ],
)
def test_a_card_without_code_for_it_is_refused_with_a_remedy(
    capability: tuple[int, int], compiled: list[str], runs: bool
) -> None:
    if runs:
        require_supported("card", capability, compiled)
        return
    with pytest.raises(InputError, match=rf"card has compute capability {capability[0]}\.{capability[1]}.*trainer_acc"):
        require_supported("card", capability, compiled)
