"""Gradients at any places and in any layout: a step reads the ones that are there."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_loops import ENGINES

import mxcore as mx

SHAPES = ((3, 4), (5,), (1,), ())
Change = Callable[[torch.Tensor], torch.Tensor | None]


def filled(layout: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    layout.copy_(values)
    return layout


def negative(values: torch.Tensor) -> torch.Tensor:
    """Return the imaginary part of a conjugate: minus the one of the tensor, which torch computes when it is read."""
    return torch.complex(torch.zeros_like(values), -values).conj().imag


CHANGES: dict[str, Change] = {
    "elsewhere": lambda grad: grad.clone(),
    "transposed": lambda grad: filled(torch.empty(grad.shape[::-1]).permute([*range(grad.ndim)][::-1]), grad),
    "strided": lambda grad: filled(torch.empty(*grad.shape, 2)[..., 1], grad),
    "expanded": lambda grad: grad.mean().expand(grad.shape),
    "negative": negative,
    "absent": lambda grad: None,
}


@given(st.lists(st.lists(st.sampled_from(["kept", *CHANGES]), min_size=4, max_size=4), min_size=1, max_size=12))
def test_a_step_reads_the_gradients_that_are_there(steps: list[list[str]]) -> None:
    params = [torch.nn.Parameter(torch.randn(shape)) for shape in SHAPES]
    for param in params:
        param.grad = torch.randn(param.shape)
    ours = mx.torch.Optimizer(params, "sgd", lr=0.5)
    for changes in steps:
        for param, change in zip(params, changes, strict=True):
            if change != "kept":
                param.grad = CHANGES[change](torch.randn(param.shape))
        wanted = [param.detach() if param.grad is None else param.detach() - 0.5 * param.grad for param in params]
        for _ in range(5):  # so that some of them are bound
            ours.step()
            assert all(map(torch.equal, params, wanted))
            wanted = [
                one if param.grad is None else one - 0.5 * param.grad for param, one in zip(params, wanted, strict=True)
            ]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_gradient_may_become_the_conjugate_of_what_it_was(engine: str) -> None:
    param, values = torch.nn.Parameter(torch.zeros(2, dtype=torch.complex64)), torch.tensor([1 + 2j, 3 - 1j])
    ours = mx.torch.Optimizer([param], "sgd", lr=1.0, engine=engine)
    for grad in [values] * 5 + [values.conj()] * 5:
        param.grad = grad
        ours.step()
    assert param.tolist() == [-10, -30]


def test_more_places_than_are_remembered() -> None:
    param, everywhere = torch.nn.Parameter(torch.zeros(3)), torch.eye(3).repeat(200, 1)
    ours = mx.torch.Optimizer([param], "sgd", lr=1.0)
    for place in everywhere:
        param.grad = place
        ours.step()
    assert param.tolist() == [-200, -200, -200]


def test_gradients_of_another_dtype_are_refused() -> None:
    param = torch.nn.Parameter(torch.zeros(3, dtype=torch.bfloat16))
    ours = mx.torch.Optimizer([param], "sgd", lr=1.0, multi_precision=True)
    param.grad = torch.ones(3, dtype=torch.bfloat16)
    for _ in range(5):
        ours.step()
    param.grad = None
    if not hasattr(param, "grad_dtype"):  # this torch refuses them itself
        with pytest.raises(RuntimeError, match="same dtype"):
            param.grad = torch.ones(3)
        return
    param.grad_dtype = torch.float32
    param.grad = torch.ones(3)
    with pytest.raises(TypeError, match="gradient is float32, the weight bfloat16"):
        ours.step()
    assert param.tolist() == [-5, -5, -5]


def test_memory_that_has_been_freed_is_not_read() -> None:
    param = torch.nn.Parameter(torch.zeros(3))
    ours = mx.torch.Optimizer([param], "sgd", lr=1.0)
    param.grad = torch.ones(3)
    for _ in range(5):
        ours.step()
    param.grad.untyped_storage().resize_(0)
    with pytest.raises(RuntimeError, match="no memory of its own: it has been freed"):
        ours.step()
    param.grad = torch.ones(3)
    ours.step()
    assert param.tolist() == [-6, -6, -6]
