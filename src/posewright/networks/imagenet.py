"""First weights from ImageNet, by torchvision's names, out of the torch hub cache and never out of the network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
import torchvision
from torch import Tensor, nn

from posewright.errors import InputError

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  #: of ImageNet's red, green and blue in 0 to 1
_LUMA = (0.2989, 0.587, 0.114)  #: as in `posewright.samples.preprocess`
_STEM = "features.0.0.weight"  #: the first convolution in torchvision's files, ``[output 3 height width]``
_STEM_BIAS = "features.0.0.bias"


class ImageNetNormalisation(nn.Module):
    """Images in 0 to 1 as ImageNet weights know them: less the mean, over the standard deviation.

    It belongs to the network, so that what goes into a network is in 0 to 1 whatever its weights are. Gray images are
    normalised with the luma of mean and standard deviation.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        mean, std = torch.tensor(_MEAN), torch.tensor(_STD)
        if in_channels == 1:
            luma = torch.tensor(_LUMA) / sum(_LUMA)
            mean, std = (luma @ mean)[None], (luma @ std)[None]
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", mean[:, None, None], persistent=False)
        self.register_buffer("std", std[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return the normalised images."""
        return (images - self.mean) / self.std


def absence_of(name: str) -> str | None:
    """Return what to do where torchvision's weights of a name are not in the torch hub cache; None if they are."""
    path, url = _place(name)
    if path.is_file():
        return None
    return (
        f"pre_trained_weights {name}: the file {path.name} is not in {path.parent}; get it from {url} and put it there"
    )


def cached_weights(name: str) -> dict[str, Tensor]:
    """Return torchvision's weights of a name such as ``ConvNeXt_Tiny_Weights`` from the torch hub cache.

    Raises:
        InputError: the file is not in the cache, or is not the one that its name promises.
    """
    fault = absence_of(name)
    if fault is not None:
        raise InputError(fault)
    path, url = _place(name)
    promised = path.stem.rpartition("-")[2]
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if not found.startswith(promised):
        raise InputError(
            f"pre_trained_weights {name}: {path} has the sha256 {found[:8]}…, its name promises {promised}…; get it "
            f"again from {url}"
        )
    weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights


def _place(name: str) -> tuple[Path, str]:
    """Return where weights lie in the cache, and the address that they come from."""
    url: str = torchvision.models.get_weight(f"{name}.IMAGENET1K_V1").url
    return Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2], url


def load_into(stages: nn.Sequential, last: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy torchvision's weights into the stages of an encoder.

    Args:
        stages: the encoder's stages, which torchvision calls ``features``.
        last: what it calls ``norm``; anything without parameters where there is none.
        weights: as in torchvision's file, for normalised images; the classifier's are left out.
    """
    is_gray = stages.get_parameter(_STEM.removeprefix("features.")).shape[1] == 1
    adapted = {**weights, **(_gray_stem(weights) if is_gray else {})}
    for module, prefix in ((stages, "features."), (last, "norm.")):
        # the table of relative positions is the same for all weights and made anew, not loaded
        own = {
            name.removeprefix(prefix): value
            for name, value in adapted.items()
            if name.startswith(prefix) and not name.endswith("relative_position_index")
        }
        if list(module.parameters()):
            module.load_state_dict(own)


def _gray_stem(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the first convolution for one channel: no channel is computed for nothing.

    Gray images give what they gave when repeated to three channels, each normalised by itself: the channels' shares add
    up, and what their means differ from the gray one's goes into the bias. Only where the convolution reaches over the
    image's border its zeros stand for slightly other grays.
    """
    colour, gray = ImageNetNormalisation(3), ImageNetNormalisation(1)
    shares = weights[_STEM] / colour.std
    offset = (shares * (gray.mean - colour.mean)).sum((1, 2, 3))
    return {_STEM: (shares * gray.std).sum(1, keepdim=True), _STEM_BIAS: weights[_STEM_BIAS] + offset}
