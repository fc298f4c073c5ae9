"""What runs a trained network: torch, or OpenVINO without torch.

A backend takes network inputs as uint8 ``[batch height width channel]`` and returns, by head name, what decoding reads.
Neither library is imported before it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from posewright.errors import InputError
from posewright.model_types.plan import ModelPlan
from posewright.shapes import Maps

Backend = Callable[[NDArray[np.uint8]], Maps]
BackendName = Literal["auto", "torch", "openvino"]


def open_backend(name: BackendName, folder: Path, plan: ModelPlan, threads: int | None = None) -> Backend:
    """Open the network of a model folder.

    ``auto`` takes OpenVINO where the folder has been exported and there is no GPU that torch can use, else torch.

    Raises:
        InputError: OpenVINO is asked for, but the folder holds no exported network.
    """
    exported = (folder / "model.xml").is_file()
    if name == "openvino" and not exported:
        raise InputError(f"{folder} holds no exported network (model.xml); make a release, which exports it")
    if name == "openvino" or (name == "auto" and exported and not torch_sees_gpu()):
        return OpenVinoBackend(folder, plan, threads)
    return TorchBackend(folder, plan, threads)


def torch_sees_gpu() -> bool:
    """Return whether torch is there and can use a GPU."""
    try:
        import torch
    except ImportError:
        return False
    return torch.cuda.is_available()


class TorchBackend:
    """The network in torch, on the GPU where there is one; channels last, which is the faster order on CPUs too."""

    def __init__(self, folder: Path, plan: ModelPlan, threads: int | None) -> None:
        import torch

        from posewright.networks.cards import require_card
        from posewright.networks.weights import load_network

        uses_card = torch.cuda.is_available()
        if uses_card:
            require_card(torch.cuda.current_device())
        if threads is not None:
            torch.set_num_threads(threads)
        network = load_network(
            folder / "best.ckpt", plan.recipe, plan.model_type.heads, plan.preprocess.channels, plan.weights_sha256
        )
        self._torch = torch
        self._device = torch.device("cuda" if uses_card else "cpu")
        self._network: Any = network.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, images: NDArray[np.uint8]) -> Maps:
        """Return maps on the network's device."""
        torch = self._torch
        with torch.inference_mode():
            inputs = torch.from_numpy(images).to(self._device).permute(0, 3, 1, 2)
            outputs = self._network.predict(inputs.float().div_(255.0).contiguous(memory_format=torch.channels_last))
            return {name: maps.float().contiguous() for name, maps in outputs.items()}


class OpenVinoBackend:
    """The exported network in OpenVINO on the CPU, in full precision; compiled once for every input shape."""

    def __init__(self, folder: Path, plan: ModelPlan, threads: int | None) -> None:
        self._core = _openvino_core()
        self._model = self._core.read_model(folder / "model.xml")
        self._names = [head.name for head in plan.model_type.heads]
        self._settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        if threads is not None:
            self._settings["INFERENCE_NUM_THREADS"] = threads
        self._compiled: dict[tuple[int, ...], Any] = {}

    def __call__(self, images: NDArray[np.uint8]) -> Maps:
        """Return NumPy maps; they are OpenVINO's own memory, to be read before the next call."""
        if images.shape not in self._compiled:
            model = self._model.clone()
            model.reshape(list(images.shape))
            self._compiled[images.shape] = self._core.compile_model(model, "CPU", self._settings)
        compiled = self._compiled[images.shape]
        outputs = compiled(np.ascontiguousarray(images), share_outputs=True)
        return {name: outputs[index] for index, name in enumerate(self._names)}


@cache
def _openvino_core() -> Any:
    """Return OpenVINO's core, the only one of this process and kept to its end.

    OpenVINO gives the thread that first uses the CPU an alternate stack for signals, and frees it with its last core,
    in whatever thread that is dropped. Freed by another thread, the next signal, even SIGTERM, is a segmentation fault.
    """
    import openvino

    return openvino.Core()
