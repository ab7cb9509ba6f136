"""An optimizer of mxcore in the loops of torch: closures, hooks, scalers, gradients that move, and errors."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch._C._dynamo.eval_frame import get_eval_frame_callback
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch_loops import ENGINES, assert_same, loss_of, made, network, train, weights

import mxcore as mx

# --- what loops do ----------------------------------------------------------------------------------------------------


def test_a_closure_computes_the_loss() -> None:
    model = network()
    ours = made(model, "momo", lr=1.0)

    def closure() -> Any:
        ours.zero_grad()
        loss = loss_of(model)
        loss.backward()
        return loss

    losses = [ours.step(closure).item() for _ in range(30)]
    assert losses[-1] < losses[0] / 2


def test_sam_needs_a_closure_and_takes_both_steps() -> None:
    model = network()
    ours = made(model, "sam(sgd)", lr=0.05)
    with pytest.raises(RuntimeError, match="closure"):
        ours.step()

    def closure() -> Any:
        ours.zero_grad()
        loss = loss_of(model)
        loss.backward()
        return loss

    sam, other = mx.SAM("sgd", learning_rate=0.05), network()
    for _ in range(3):
        ours.step(closure)
        params = [param.detach().numpy() for param in other.parameters()]
        for step in (sam.first_step, sam.second_step):
            other.zero_grad()
            loss_of(other).backward()
            step([param.grad.numpy() for param in other.parameters()], params)
    assert_same(weights(model), weights(other))


def test_hooks_run_around_a_step() -> None:
    model, seen = network(), list[str]()
    ours = made(model)
    ours.register_step_pre_hook(lambda *_: seen.append("before"))
    ours.register_step_post_hook(lambda *_: seen.append("after"))
    ours.register_state_dict_post_hook(lambda _, state: state | {"mine": 1})
    train(model, ours, 1)
    assert seen == ["before", "after"]
    assert ours.state_dict()["mine"] == 1


@pytest.mark.parametrize("register", [register_optimizer_step_pre_hook, register_optimizer_step_post_hook])
def test_hooks_of_all_optimizers_run_around_a_step(register: Any) -> None:
    model, seen = network(), list[Any]()
    ours = made(model)
    hook = register(lambda optimizer, *_: seen.append(optimizer))
    train(model, ours, 1)
    hook.remove()
    train(model, ours, 1)
    assert seen == [ours]


def test_a_profiler_sees_each_step() -> None:
    model = network()
    ours = made(model)
    with torch.profiler.profile() as profile:
        train(model, ours, 2)
    assert [event.count for event in profile.key_averages() if event.key == "Optimizer.step#Optimizer.step"] == [2]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_grad_scaler_unscales_and_skips(engine: str) -> None:
    one, other = network(), network()
    ours, theirs = made(one, "adam", engine=engine), torch.optim.Adam(other.parameters(), lr=0.01)
    for model, optimizer in ((one, ours), (other, theirs)):
        scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
        for number in range(4):
            optimizer.zero_grad()
            scaler.scale(loss_of(model) * (float("inf") if number == 2 else 1.0)).backward()
            scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
    torch.testing.assert_close(weights(one), weights(other), rtol=0, atol=2e-6)
    assert ours.state_dict()["state"][0]["step"] == 3


@pytest.mark.parametrize("engine", ENGINES)
def test_parameters_without_a_gradient_are_left_out(engine: str) -> None:
    one, other = network(), network()
    ours, theirs = made(one, "adam", engine=engine), torch.optim.Adam(other.parameters(), lr=0.01)
    for model, optimizer in ((one, ours), (other, theirs)):
        for number in range(5):
            optimizer.zero_grad()
            loss_of(model).backward()
            if number in (1, 2):
                model[0].bias.grad = None
            optimizer.step()
    torch.testing.assert_close(weights(one), weights(other), rtol=0, atol=2e-6)
    assert [entry["step"] for entry in ours.state_dict()["state"].values()] == [5, 3, 5, 5]


@pytest.mark.parametrize("engine", ENGINES)
def test_gradients_and_weights_may_move(engine: str) -> None:
    one, other = network(), network()
    ours, theirs = made(one, "adam", engine=engine), torch.optim.Adam(other.parameters(), lr=0.01)
    for number in range(12):
        for model, optimizer in ((one, ours), (other, theirs)):
            optimizer.zero_grad(set_to_none=number % 3 == 0)
            loss_of(model).backward()
            if number == 5:
                for param in model.parameters():
                    param.data = param.data.clone()
            if number == 8:
                model[0].weight.grad = model[0].weight.grad.t().contiguous().t()  # as with channels_last
            optimizer.step()
    torch.testing.assert_close(weights(one), weights(other), rtol=0, atol=2e-6)


def test_the_state_keeps_no_gradient_alive() -> None:
    import weakref

    model = network()
    ours = made(model)
    train(model, ours, 6)
    grads = [weakref.ref(param.grad) for param in model.parameters()]
    ours.zero_grad()
    assert [ref() for ref in grads] == [None] * 4


def test_autograd_sees_that_weights_have_changed() -> None:
    model = network()
    ours = made(model)
    train(model, ours, 1)
    loss = loss_of(model)
    ours.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("layout", ["sparse", "strided, conjugated"])
def test_gradients_of_other_layouts(layout: str, engine: str) -> None:
    if layout == "sparse":
        embedding = torch.nn.Embedding(5, 2, sparse=True)
        embedding(torch.tensor([1])).sum().backward()
        before = embedding.weight.detach().clone()
        ours = mx.torch.Optimizer(embedding.parameters(), "adam", engine=engine)
        with pytest.raises(RuntimeError, match="sparse=False"):
            ours.step()
        assert_same([embedding.weight.detach()], [before])
        return
    weight = torch.nn.Parameter(torch.ones(2, dtype=torch.complex64))
    weight.grad = torch.tensor([1 + 2j, 3 - 1j]).conj()
    mx.torch.Optimizer([weight], "sgd", lr=1.0, engine=engine).step()
    assert weight.tolist() == [2j, -2 - 1j]


@pytest.mark.parametrize("engine", ENGINES)
def test_bfloat16_with_masters_follows_float32(engine: str) -> None:
    model = network().to(torch.bfloat16)
    exact = copy.deepcopy(model).float()
    ours = made(model, "adamw", multi_precision=True, engine=engine)
    other = made(exact, "adamw", engine=engine)
    for _ in range(20):
        for param, twin in zip(model.parameters(), exact.parameters(), strict=True):
            param.grad = torch.randn_like(param)
            twin.grad = param.grad.float()
        ours.step()
        other.step()
    assert_same(weights(model), [one.to(torch.bfloat16) for one in weights(exact)])


@pytest.mark.parametrize("compiled", ["whole", "step"])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_compiled_loop_steps_outside_of_its_graph(engine: str, compiled: str) -> None:
    torch._dynamo.reset()  # which remembers the code that it has left alone
    one, other, compilers = network(), network(), list[Any]()

    def schedule(_: int) -> float:
        compilers.append(get_eval_frame_callback())
        return 0.01

    ours, plain = made(one, "lion", lr_scheduler=schedule, engine=engine), made(other, "lion")

    def whole() -> None:
        ours.zero_grad()
        loss_of(one).backward()
        ours.step()

    step = torch.compile(whole if compiled == "whole" else ours.step, backend="eager")
    for _ in range(4):
        if compiled == "step":
            ours.zero_grad()
            loss_of(one).backward()
        step()
    torch.testing.assert_close(weights(one), train(other, plain, 4), rtol=0, atol=1e-6)
    assert compilers == [None] * 5  # one is asked for when the optimizer is made


# --- evaluation -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_evaluation_weights_replace_the_weights_in_a_block(engine: str) -> None:
    model = network()
    ours = made(model, "average(adam)", beta=0.5, engine=engine)
    trained = train(model, ours, 5)
    with ours.evaluating():
        assert not torch.equal(model[0].weight, trained[0])
    assert_same(weights(model), trained)


# --- errors -----------------------------------------------------------------------------------------------------------


def test_errors_say_what_to_do() -> None:
    model = network()
    with pytest.raises(ValueError, match="learning_rate must be"):
        made(model, lr=-1.0)
    with pytest.raises(ValueError, match="betas must have 2 numbers"):
        made(model, betas=(0.9,))
    with pytest.raises(TypeError, match="momentum"):
        made(model, "adam", momentum=0.9)
    with pytest.raises(ValueError, match="'offload', 'operations', got 'cuda'"):
        made(model, engine="cuda")
    with pytest.raises(ValueError, match=r"pass model.named_parameters\(\)"):
        mx.torch.Optimizer(model.parameters(), "adam", groups={"bias": {"lr": 1.0}})
    with pytest.raises(ValueError, match="'head' matches the start of no parameter"):
        made(model, groups={"head": {"lr": 1.0}})
    with pytest.raises(TypeError, match="leave out lr"):
        made(model, mx.optimizer.create("adam"))
    with pytest.raises(ValueError, match="floating-point"):
        mx.torch.Optimizer([torch.zeros(2, dtype=torch.int64)], "adam")
    with pytest.raises(mx.exchange.NotExpressibleError, match="array code"):
        train(model, made(model, "muon", engine="operations"), 1)


def test_an_optimizer_of_mxcore_may_be_passed_itself() -> None:
    model = network()
    ours = mx.torch.Optimizer(model.parameters(), mx.optimizer.create("adam", learning_rate=0.02, beta1=0.8))
    assert ours.param_groups[0]["betas"] == (0.8, 0.999)
    train(model, ours)


def test_a_mixed_optimizer_keeps_its_rates() -> None:
    model = network()
    mixed = mx.optimizer.create("mixed", patterns=[".*bias", ".*"], optimizers=["sgd", "muon"])
    groups = [{"params": part.named_parameters(str(number))} for number, part in enumerate(model) if number != 1]
    ours = mx.torch.Optimizer(groups, mixed)
    before = weights(model)
    after = train(model, ours, 3)
    assert not any(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert "lr" not in ours.param_groups[0]
    ours.load_state_dict(ours.state_dict())


def test_both_kinds_of_initializers() -> None:
    model = network()
    mx.random.seed(3)
    mx.torch.initialize(model, "xavier")
    assert model[0].bias.abs().sum() == 0
    limit = (3 / ((6 + 8) / 2)) ** 0.5
    assert 0.5 * limit < model[0].weight.abs().max().item() <= limit
    first = weights(model)
    mx.random.seed(3)
    mx.torch.initialize(model, "xavier")
    assert_same(weights(model), first)
    expected = mx.init.create("xavier").values(mx.init.InitDesc("0.weight"), (8, 6), mx.random.generator("0.weight"))
    assert expected.shape == (8, 6)
    assert np.isfinite(expected).all()
