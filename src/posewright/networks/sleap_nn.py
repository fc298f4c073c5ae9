"""The peer's checkpoints: read without running what is in them, and their names for weights turned into ours.

Interoperability page, section 1 and appendix A.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from posewright.errors import InputError

_PREFIX = "model."
#: what stands before ``weight`` and ``bias`` -> our name for it; the numbers of layers count ReLUs, too
_UNET: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (
        r"backbone\.encoders\.0\.encoder_stack\.(\d+)\.blocks\.stack0_enc\d+_conv(\d+)",
        lambda found: f"backbone.blocks.{found[1]}.{2 * int(found[2])}",
    ),
    (
        r"backbone\.middle_blocks\.0\.blocks\.stack0_enc\d+_middle_expand_conv(\d+)",
        lambda found: f"backbone.middle.{2 * int(found[1])}",
    ),
    (
        r"backbone\.decoders\.0\.decoder_stack\.(\d+)\.blocks\.stack0_dec\d+_s\d+_to_s\d+_trans_conv",
        lambda found: f"decoder.blocks.{found[1]}.up.0",
    ),
    (
        r"backbone\.decoders\.0\.decoder_stack\.(\d+)\.blocks\.stack0_dec\d+_s\d+_to_s\d+_refine_conv(\d+)",
        lambda found: f"decoder.blocks.{found[1]}.refine.{2 * int(found[2])}",
    ),
)
_CONTRACT = re.compile(r"backbone\.middle_blocks\.1\.blocks\.stack0_enc\d+_middle_contract_conv0")
_EXPAND = re.compile(r"backbone\.middle_blocks\.0\.")
_HEAD = re.compile(r"head_layers\.(\d+)\.(?:pre_classification(\d+)_fc|(\w+Head)(?:\.0)?)")

#: all that a pickle of arrays in a map needs
_ARRAYS = {
    ("collections", "OrderedDict"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch._utils", "_rebuild_parameter"),
}


def read_checkpoint(path: Path) -> Any:
    """Return what a checkpoint holds, on the CPU; settings that old versions pickled with it come out as blanks.

    Raises:
        pickle.UnpicklingError: it is no checkpoint, or damaged.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        pass
    except (RuntimeError, EOFError) as fault:
        raise pickle.UnpicklingError(str(fault)) from None
    try:
        reader = SimpleNamespace(__name__="arrays_only", Unpickler=_ArraysOnly, load=_refuse, loads=_refuse)
        return torch.load(path, map_location="cpu", weights_only=False, pickle_module=reader)
    except (RuntimeError, EOFError, TypeError, AttributeError) as fault:  # blanks where arrays were needed
        raise pickle.UnpicklingError(str(fault)) from None


class _Blank:
    """Stands for an object of any class but those of arrays; takes every state and does nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def __call__(self, *args: Any, **kwargs: Any) -> _Blank:
        return self

    def __setstate__(self, state: Any) -> None: ...

    def __setitem__(self, key: Any, value: Any) -> None: ...


class _ArraysOnly(pickle.Unpickler):
    """Builds arrays and maps; everything else that a pickle may name becomes a blank, and nothing of it is run."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        if (module_name, global_name) in _ARRAYS:
            return super().find_class(module_name, global_name)
        return _Blank


def _refuse(*args: Any, **kwargs: Any) -> Any:
    """Older formats than zip are read by other ways into pickle."""
    raise pickle.UnpicklingError("no zip file")


def is_peer(weights: Mapping[str, Tensor]) -> bool:
    """Return whether a checkpoint's names are the peer's."""
    return bool(weights) and all(name.startswith(_PREFIX) for name in weights)


def own_names(weights: Mapping[str, Tensor], heads: Sequence[str], separate: Collection[str] = ()) -> dict[str, Tensor]:
    """Return a peer's weights under our names.

    Args:
        weights: of a peer's UNet model.
        heads: our names of its heads, in the order of its head config.
        separate: those of them that have a network of their own here.

    Raises:
        InputError: the network is none that we know the names of.
    """
    stems = {name: name.removeprefix(_PREFIX).rpartition(".")[0] for name in weights}
    expanding = len({stem for stem in stems.values() if _EXPAND.match(stem)})
    own = {name: _own_stem(stem, expanding, heads, separate) for name, stem in stems.items()}
    unknown = sorted(name for name, stem in own.items() if stem is None)
    if unknown:
        raise InputError(
            f"the weights of sleap-nn have names that are not known here, such as {unknown[0]!r}; only its UNet models "
            "can be started from"
        )
    return {f"{own[name]}.{name.rpartition('.')[2]}": value for name, value in weights.items()}


def _own_stem(stem: str, expanding: int, heads: Sequence[str], separate: Collection[str]) -> str | None:
    for pattern, named in _UNET:
        found = re.fullmatch(pattern, stem)
        if found:
            return named(found)
    if _CONTRACT.fullmatch(stem):
        return f"backbone.middle.{2 * expanding}"
    head = _HEAD.fullmatch(stem)
    if head is None or int(head[1]) >= len(heads):
        return None
    name = heads[int(head[1])]
    own = f"heads.{name}.last" if name in separate else f"heads.{name}"
    if head[2] is not None:
        return f"{own}.layers.{2 * int(head[2])}"
    return f"{own}.last" if head[3] == "ClassVectorsHead" else own
