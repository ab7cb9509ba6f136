"""The workloads: lists of shapes, from four tiny tensors to the 124 million parameters of GPT-2."""

from __future__ import annotations

import math

import attrs

__all__ = ["WORKLOADS", "Workload"]

Shape = tuple[int, ...]


@attrs.frozen
class Workload:
    """A model as seen by an optimizer.

    Args:
        name: its name on the command line.
        title: its name in tables.
        shapes: the shapes of its parameters, in the order of the model.
        group: ``"steps"``, or ``"overhead"`` if there is next to no arithmetic.
    """

    name: str
    title: str
    shapes: tuple[Shape, ...] = attrs.field(repr=False)
    group: str = "steps"

    @property
    def tensors(self) -> int:
        """How many parameters there are."""
        return len(self.shapes)

    @property
    def parameters(self) -> int:
        """How many numbers they have."""
        return sum(map(math.prod, self.shapes))

    @property
    def large(self) -> bool:
        """Whether its state exceeds any cache, so that memory bandwidth limits the speed of a step."""
        return self.parameters > 10_000_000


def _resnet50() -> list[Shape]:
    """Return the shapes of ResNet-50 v1; every convolution is followed by the scale and shift of a batch norm."""
    shapes = _convolution(64, 3, 7)
    channels = 64
    for width, out, blocks in ((64, 256, 3), (128, 512, 4), (256, 1024, 6), (512, 2048, 3)):
        for block in range(blocks):
            shapes += _convolution(width, channels, 1) + _convolution(width, width, 3) + _convolution(out, width, 1)
            shapes += [] if block else _convolution(out, channels, 1)
            channels = out
    return [*shapes, (1000, 2048), (1000,)]


def _convolution(out: int, channels: int, size: int) -> list[Shape]:
    return [(out, channels, size, size), (out,), (out,)]


def _gpt2(layers: int = 12, width: int = 768) -> list[Shape]:
    """Return the shapes of GPT-2 small, whose output layer shares the weights of the embedding."""
    norm: list[Shape] = [(width,), (width,)]
    attention = [*norm, *_linear(width, 3 * width), *_linear(width, width)]
    network = [*norm, *_linear(width, 4 * width), *_linear(4 * width, width)]
    return [(50257, width), (1024, width), *(attention + network) * layers, *norm]


def _linear(inputs: int, outputs: int) -> list[Shape]:
    return [(inputs, outputs), (outputs,)]


def _table(*workloads: Workload) -> dict[str, Workload]:
    return {workload.name: workload for workload in workloads}


WORKLOADS = _table(
    Workload("mlp", "MLP", ((784, 32), (32,), (32, 10), (10,))),
    Workload("thousand", "1000 tensors of 1000", ((1000,),) * 1000),
    Workload("resnet50", "ResNet-50", tuple(_resnet50())),
    Workload("one", "one tensor of 25 M", ((25_000_000,),)),
    Workload("gpt2", "GPT-2 small", tuple(_gpt2())),
    *(Workload(f"tiny-{n}", f"{n} tensors of 8", ((8,),) * n, "overhead") for n in (4, 161, 1000)),
)
