"""The round trip through scale and padding: from pixels of the frame to maps of the padded input and back."""

from __future__ import annotations

import pytest

from posewright.geometry import Transform, scaled_size
from posewright.model_types.bottomup import BottomUp
from posewright.model_types.centroid import Centroid
from posewright.model_types.single_instance import SingleInstance
from posewright.samples.preprocess import Preprocess
from posewright.shapes import DecodeOptions, Size

from . import laws

STRIDE = 2


@pytest.mark.parametrize("sigma", laws.SIGMAS)
@pytest.mark.parametrize("scale", [0.5, 0.75, 1.0, 1.6])
@pytest.mark.parametrize("name", ["single_instance", "centroid", "bottomup"])
def test_scale_and_padding_move_nothing(name: str, scale: float, sigma: float) -> None:
    size = Size(round(211 / scale), round(233 / scale))
    preprocess = Preprocess(channels=1, scale=scale, multiple=32)
    forward = Transform.resize(size, scaled_size(size, scale))
    apart_px = laws.apart_px(sigma, STRIDE) / scale * 1.05
    poses = laws.animals(2, 6, 1 if name == "single_instance" else 3, size, apart_px, 2 * STRIDE / scale)
    model_type = {
        "single_instance": SingleInstance(laws.SKELETON, STRIDE, sigma),
        "centroid": Centroid(laws.SKELETON, 2, STRIDE, sigma),
        "bottomup": BottomUp(laws.SKELETON, STRIDE, sigma, STRIDE, 8.0),
    }[name]
    truth = model_type.anchors(poses) if isinstance(model_type, Centroid) else poses
    maps = model_type.encode(poses.with_points(forward.apply(poses.points)), preprocess.input_size(size))
    found = model_type.decode(maps, DecodeOptions())
    back = found.with_points(forward.inverse().apply(found.points))
    laws.assert_same(back, truth, laws.EXACT_CELLS * STRIDE / scale)
