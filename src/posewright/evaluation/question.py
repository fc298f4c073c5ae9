"""The question of a comparison as one digest, so that nobody need believe it stood before the answer (rule 11).

The ledger of test readings (`ledger`) remembers with each of them the question of that time. A comparison on test
frames whose question is another one than that of their first reading gives no verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from posewright.errors import InputError, nearest
from posewright.files import digest_of


def family_of(methods: Sequence[str], baseline: str | None) -> list[tuple[str, str]]:
    """Return the pairs that are judged: all of them, or each method against the baseline.

    Args:
        methods: names in their order.
        baseline: one of them, or None.

    Raises:
        InputError: the baseline is none of the methods.
    """
    if baseline is None:
        return list(combinations(methods, 2))
    if baseline not in methods:
        raise InputError(f"compare.baseline names {baseline!r}, which was not evaluated; {nearest(baseline, methods)}")
    return [(method, baseline) for method in methods if method != baseline]


def question_digest(compare: Mapping[str, Any], methods: Sequence[str]) -> str:
    """Return the digest of what is asked: primary metric, margin, confidence and the family of pairs.

    Args:
        compare: the config's section, and ``sigmas``, the digests of repeated labels, where these scale the primary
            metric; other keys are no part of the question.
        methods: names of the methods that are compared.
    """
    asked = {name: compare[name] for name in ("primary", "margin", "confidence")}
    if compare.get("sigmas"):  # only then: questions asked before there were such keep their digest
        asked["sigmas"] = compare["sigmas"]
    family = [list(pair) for pair in family_of(sorted(methods), compare.get("baseline"))]
    return digest_of({**asked, "family": family})
