"""The engine that updates copies on the host: with copies as late as they may be, its results are those of others."""

import copy
import gc
from collections.abc import Callable
from typing import Any

import pytest
import torch
from mxcore_torch import offload
from torch_loops import assert_same, loss_of, made, network, train, weights

import mxcore as mx


class Late(offload._Link):
    """A link on which each copy is made only when something waits for it, as a busy device may make it."""

    def __init__(self, device: torch.device) -> None:
        super().__init__(device)
        self.pending: list[Callable[[], Any]] = []

    def copy(self, source: torch.Tensor, target: torch.Tensor) -> Any:
        self.pending.append(lambda: target.copy_(source))
        return self

    @torch.no_grad()
    def wait(self) -> None:
        while self.pending:
            self.pending.pop(0)()

    synchronize = join = wait


@pytest.fixture(params=["at once", "late"])
def link(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "late":
        monkeypatch.setattr(offload, "_Link", Late)


@pytest.fixture(params=["one bucket", "a bucket each"])
def bucket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "a bucket each":
        monkeypatch.setattr(offload, "BUCKET", 1)


NAMES = ["adamw", "lion", "lamb", "muon", "lookahead(average(adam))", "sgd", "prodigy"]


@pytest.mark.usefixtures("link", "bucket")
@pytest.mark.parametrize("name", NAMES)
def test_results_are_those_of_memory_to_the_bit(name: str) -> None:
    one, other = network(), network()
    assert_same(train(one, made(one, name, engine="offload"), 6), train(other, made(other, name, engine="memory"), 6))


@pytest.mark.usefixtures("link", "bucket")
def test_gradients_that_change_after_backward_are_copied_again() -> None:
    models = network(), network()
    for model, engine in zip(models, ("offload", "memory"), strict=True):
        optimizer = made(model, engine=engine)
        for number in range(4):
            optimizer.zero_grad(set_to_none=number % 2 == 0)
            loss_of(model).backward()
            loss_of(model).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            if number == 2:
                model[0].weight.grad = torch.ones_like(model[0].weight)
            if number == 3:
                model[0].bias.grad = None
            optimizer.step()
    assert_same(*map(weights, models))


@pytest.mark.usefixtures("link", "bucket")
def test_parameters_that_change_between_steps_are_copied_again() -> None:
    models = network(), network()
    for model, engine in zip(models, ("offload", "memory"), strict=True):
        optimizer = made(model, engine=engine)
        train(model, optimizer, 3)
        model.load_state_dict(network(7).state_dict())
        train(model, optimizer, 1)
        model[0].weight.data = torch.ones_like(model[0].weight)
        train(model, optimizer, 2)
    assert_same(*map(weights, models))


@pytest.mark.usefixtures("link")
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_half_precision_with_masters(layout: torch.memory_format) -> None:
    found = []
    for engine in ("offload", "memory"):
        torch.manual_seed(0)
        param = torch.nn.Parameter(torch.randn(2, 3, 4, 5).to(torch.bfloat16, memory_format=layout))
        optimizer = mx.torch.Optimizer([param], "adam", lr=0.01, engine=engine, multi_precision=True)
        for _ in range(5):
            param.grad = torch.randn(2, 3, 4, 5).to(torch.bfloat16)
            optimizer.step()
        assert optimizer.state[param]["master"].dtype == torch.float32
        found.append(param.detach())
    assert_same([found[0]], [found[1]])


@pytest.mark.usefixtures("link", "bucket")
def test_evaluation_weights_are_put_in_place_and_back() -> None:
    models = network(), network()
    seen = []
    for model, engine in zip(models, ("offload", "memory"), strict=True):
        optimizer = made(model, "schedulefreeadamw", engine=engine)
        train(model, optimizer, 3)
        before = weights(model)
        with optimizer.evaluating():
            seen.append(weights(model))
        assert_same(before, weights(model))
        train(model, optimizer, 2)
    assert_same(*seen)
    assert_same(*map(weights, models))


def test_a_copy_has_twins_of_its_own_and_an_optimizer_that_is_gone_leaves_no_hook() -> None:
    model = network()
    optimizer = made(model, engine="offload")
    train(model, optimizer, 1)
    other = copy.deepcopy({"model": model, "optimizer": optimizer})
    assert_same(train(model, optimizer, 2), train(other["model"], other["optimizer"], 2))
    assert all(param._post_accumulate_grad_hooks for param in model.parameters())
    del optimizer
    gc.collect()
    assert not any(param._post_accumulate_grad_hooks for param in model.parameters())


def test_sparse_gradients_are_refused() -> None:
    layer = torch.nn.Embedding(5, 3, sparse=True)
    optimizer = mx.torch.Optimizer(layer.parameters(), "adam", engine="offload")
    layer(torch.tensor([1, 2])).sum().backward()
    with pytest.raises(RuntimeError, match="gradients must be dense"):
        optimizer.step()
