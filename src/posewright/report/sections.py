"""Which sections the page has, and in which order: the one list to add to.

A section is a module with one function that takes a `Context` and returns a `Section`, or None where it has nothing
to say of these results. It shows what files hold, computes no science of its own, and says in a sentence what is
missing. To add one: write the module, name its function in `SECTIONS` at its place on the page, and let
`tests/report/make_results.py` write the files it reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from posewright.report.answer import methods_section, pairs_section
from posewright.report.behaviour import behaviour_section
from posewright.report.context import Context
from posewright.report.cost import cost_section
from posewright.report.curves import curves_section, training_section
from posewright.report.data import split_section, videos_section
from posewright.report.examples import frames_section
from posewright.report.learning import learning_section
from posewright.report.origin import origin_section
from posewright.report.page import Section
from posewright.report.paper import paper_section
from posewright.report.proposal import proposal_section
from posewright.report.quality import quality_section
from posewright.report.reasons import reasons_section
from posewright.report.repeats import repeats_section

#: In the order of the page: the answer's own tables, why, at what cost, pictures, data, how it was made.
SECTIONS: Sequence[Callable[[Context], Section | None]] = (
    methods_section,
    pairs_section,
    proposal_section,
    reasons_section,
    repeats_section,
    cost_section,
    curves_section,
    frames_section,
    training_section,
    learning_section,
    split_section,
    quality_section,
    videos_section,
    behaviour_section,
    paper_section,
    origin_section,
)


def sections_of(context: Context) -> list[Section]:
    """Return the sections that have something to say."""
    return [section for make in SECTIONS if (section := make(context)) is not None]
