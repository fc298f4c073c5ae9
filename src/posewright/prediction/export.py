"""Copy a trained model into a bundle, with its network exported so that it runs without torch."""

from __future__ import annotations

import warnings
from pathlib import Path

from posewright.files import place, read_json
from posewright.model_types.plan import load_plan
from posewright.prediction.backends import BackendName
from posewright.prediction.bundle import MODEL_FILES


def export_model(model_folder: Path, out: Path, backend: BackendName) -> None:
    """Copy a model folder to ``out``; for OpenVINO its network is added as ``model.xml`` and ``model.bin``.

    Args:
        model_folder: what train_model wrote.
        out: folder of the copy.
        backend: ``torch`` leaves the exported network out.

    Raises:
        InputError: the weights are not those that ``model.json`` names.
    """
    for name in MODEL_FILES:
        place(model_folder / name, out / name)
    if backend == "torch":
        from posewright.networks.weights import read_weights

        read_weights(out / "best.ckpt", read_json(out / "model.json")["weights_sha256"])
    else:
        _export_openvino(out)


def _export_openvino(folder: Path) -> None:
    import openvino
    import torch
    from openvino.preprocess import PrePostProcessor

    from posewright.networks.weights import load_network

    plan = load_plan(folder)
    heads = plan.model_type.heads
    channels = plan.preprocess.channels
    network = load_network(folder / "best.ckpt", plan.recipe, heads, channels, plan.weights_sha256)

    class InOrder(torch.nn.Module):
        """Outputs as a tuple in the order of the heads: a traced network has no dictionary."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network.requires_grad_(False)

        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
            maps = self.network.predict(images)
            return tuple(maps[head.name] for head in heads)

    side = plan.preprocess.multiple
    example = torch.zeros(1, channels, 2 * side, 2 * side)
    with warnings.catch_warnings():
        # torch.export would need every size as a multiple of the stride; tracing takes any, and OpenVINO reads it
        warnings.filterwarnings("ignore", ".*torch.jit.*")
        model = openvino.convert_model(InOrder(), example_input=example, input=[-1, channels, -1, -1])
    steps = PrePostProcessor(model)
    steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    steps.input().model().set_layout(openvino.Layout("NCHW"))
    steps.input().preprocess().convert_element_type(openvino.Type.f32).scale(255.0)
    built = steps.build()
    built.set_friendly_name("network")
    for number, operation in enumerate(built.get_ordered_ops()):  # the names it gives count all that the process made
        operation.set_friendly_name(f"{operation.get_type_name()}_{number}")
    openvino.save_model(built, folder / "model.xml", compress_to_fp16=False)
