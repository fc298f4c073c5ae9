"""Works to cite, and how a text names them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """A published work.

    Attributes:
        short: how the text names it: author and year.
        full: the entry of the list of references.
    """

    short: str
    full: str


BENCHMARK_VARIANCE = Work(
    "Bouthillier et al. 2021",
    "Bouthillier X, et al. (2021). Accounting for variance in machine learning benchmarks. Proceedings of Machine "
    "Learning and Systems 3.",
)
COCO = Work(
    "Lin et al. 2014",
    "Lin T-Y, et al. (2014). Microsoft COCO: common objects in context. ECCV. Keypoint evaluation: "
    "cocodataset.org/#keypoints-eval.",
)
CORRECTED_FOLDS = Work(
    "Nadeau & Bengio 2003",
    "Nadeau C, Bengio Y (2003). Inference for the generalization error. Machine Learning 52, 239-281.",
)
ERROR_CLASSES = Work(
    "Ronchi & Perona 2017",
    "Ronchi MR, Perona P (2017). Benchmarking and error diagnosis in multi-instance pose estimation. ICCV.",
)
HARD_KEYPOINTS = Work(
    "Shrivastava et al. 2016",
    "Shrivastava A, Gupta A, Girshick R (2016). Training region-based object detectors with online hard example "
    "mining. CVPR.",
)
SEVERAL_PAIRS = Work(
    "Holm 1979",
    "Holm S (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6, "
    "65-70.",
)
SKEWED_MEANS = Work(
    "Hall 1992",
    "Hall P (1992). On the removal of skewness by transformation. Journal of the Royal Statistical Society B 54, "
    "221-228.",
)
SNAKEMAKE = Work(
    "Mölder et al. 2021",
    "Mölder F, et al. (2021). Sustainable data analysis with Snakemake. F1000Research 10, 33.",
)
SUBPIXEL = Work(
    "Zhang et al. 2020",
    "Zhang F, Zhu X, Dai H, Ye M, Zhu C (2020). Distribution-aware coordinate representation for human pose "
    "estimation. CVPR.",
)
UNBIASED_CROPS = Work(
    "Huang et al. 2020",
    "Huang J, Zhu Z, Guo F, Huang G (2020). The devil is in the details: delving into unbiased data processing for "
    "human pose estimation. CVPR.",
)


def references(works: Iterable[Work]) -> list[str]:
    """Return the entries of the list of references, each once, in the order of their authors."""
    return sorted({work.full for work in works}, key=str.casefold)
