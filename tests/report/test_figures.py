"""Figures are pictures inside the page: the same bytes for the same numbers, whatever the names."""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest

from posewright.report.figures import (
    differences_figure,
    error_coverage_figure,
    node_figure,
    pck_figure,
    short,
    training_figure,
)
from posewright.report.gather import TrainedModel
from posewright.report.measures import Curve, NodeError, UnitDifferences

NAMES = ("$x^2", "<script>alert(1)</script>", "子供", "a\nb", "x" * 200, "m6", "m7", "m8")
LINE = Curve(np.linspace(0, 10, 20), np.linspace(0, 1, 20), 40)


def _svg(uri: str) -> str:
    head, _, data = uri.partition(",")
    assert head == "data:image/svg+xml;base64"
    text = base64.b64decode(data).decode()
    ElementTree.fromstring(text)
    return text


def _model(log: pd.DataFrame | None) -> TrainedModel:
    return TrainedModel("unet", 0, 0, {}, log)


@pytest.mark.parametrize("names", [NAMES[:1], NAMES])
def test_odd_names_and_many_methods_are_drawn(names: tuple[str, ...]) -> None:
    curves = dict.fromkeys(names, LINE)
    errors = {name: [NodeError(node, 1.0, 2.0, 5, 6) for node in NAMES] for name in names}
    pairs = [UnitDifferences("a", name, ("u",), np.array([0.1]), 0.1, None, None) for name in names]
    for uri in (
        pck_figure(curves, 5.0),
        error_coverage_figure(curves),
        node_figure(errors),
        differences_figure(pairs, "PCK", 0.02, percent=True),
    ):
        assert "<script" not in _svg(uri)


def test_equal_numbers_give_equal_bytes() -> None:
    assert pck_figure({"a": LINE}, 5.0) == pck_figure({"a": LINE}, 5.0)


def test_a_figure_says_that_nothing_was_found() -> None:
    """Texts are drawn as shapes, but the SVG keeps them as comments."""
    nothing, some = Curve(np.zeros(0), np.zeros(0), 10), [NodeError("head", 1.0, 2.0, 4, 5)]
    never = [NodeError("head", float("nan"), float("nan"), 0, 5)]
    said = "<!-- no body part was found -->"
    assert said in _svg(error_coverage_figure({"a": nothing}))
    assert said not in _svg(error_coverage_figure({"a": nothing, "b": LINE}))
    assert said in _svg(node_figure({"a": never}))
    assert said not in _svg(node_figure({"a": never, "b": some}))


def test_a_training_of_one_epoch_is_a_mark() -> None:
    log = pd.DataFrame({"epoch": [0, 1], "train/loss": [0.4, 0.3], "val/loss": [0.5, 0.2]})
    lines, marks = training_figure([_model(log)]), training_figure([_model(log.iloc[:1])])
    assert lines is not None and marks is not None
    assert _svg(marks).count("<use") > _svg(lines).count("<use")


def test_losses_are_drawn_with_gaps_zeros_and_without_steps() -> None:
    log = pd.DataFrame({"epoch": [0, 1, 2], "train/loss": [np.nan, 0.0, -0.1], "val/loss": [0.3, 0.2, 0.1]})
    for models in ([_model(log)], [_model(log), _model(log.assign(step=[0, 5, 10]))]):
        uri = training_figure(models)
        assert uri is not None
        _svg(uri)


def test_no_losses_no_figure() -> None:
    assert training_figure([_model(None)]) is None
    assert training_figure([_model(pd.DataFrame({"epoch": [0]}))]) is None


def test_long_names_are_cut() -> None:
    assert len(short("x" * 200)) <= 28
    assert short("a\n b") == "a b"
