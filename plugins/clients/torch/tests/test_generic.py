"""What torch's own tests ask of every optimizer, with the arguments and errors that torch installs for them.

``test/test_optim.py`` is in torch's repository alone; these are its checks for one device, without those of the flags
``foreach``, ``fused``, ``capturable`` and ``differentiable``.
"""

import copy
import functools
import io
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.testing._internal.common_optimizers import get_error_inputs_for_all_optims, optim_db

import mxcore as mx

INFOS = {info.optim_cls.__name__: info for info in optim_db}
NAMES = [name for name in INFOS if name not in ("LBFGS", "SparseAdam")]
FLAGS = {"foreach", "fused", "capturable", "differentiable"}
# What torch refuses, and ours has no reason to.
ACCEPTED = {"betas must be either both floats or both Tensors", "only support 2D parameters"}


def inputs(name: str) -> list[dict[str, Any]]:
    """Return the arguments with which torch tests an optimizer."""
    given = [one.kwargs for one in INFOS[name].optim_inputs_func(device="cpu")]
    return [{key: value for key, value in one.items() if key not in FLAGS} for one in given]


def create(name: str, params: Any, **arguments: Any) -> Any:
    ours = "nag" if name == "SGD" and arguments.pop("nesterov", False) else name.lower()
    return mx.torch.Optimizer(params, ours, **arguments)


def every(test: Any, names: Sequence[str] = tuple(NAMES)) -> Any:
    """Run a test for each optimizer of torch with each of torch's choices of arguments."""
    cases = [(name, arguments) for name in names for arguments in inputs(name)]
    labels = [f"{name}-{'-'.join(map(str, arguments))}" for name, arguments in cases]
    return pytest.mark.parametrize(("name", "arguments"), cases, ids=labels)(test)


not_muon = functools.partial(every, names=[name for name in NAMES if name != "Muon"])  # which takes matrices alone


def problem(is_contiguous: bool = True) -> tuple[list[torch.nn.Parameter], Any]:
    """Return the parameters of a layer, and a closure without an optimizer."""
    torch.manual_seed(0)
    if is_contiguous:
        weight, bias = torch.nn.Parameter(torch.randn(10, 5)), torch.nn.Parameter(torch.randn(10, 1))
    else:
        weight = torch.nn.Parameter(torch.randn(10, 5, 2)[..., 0])
        bias = torch.nn.Parameter(torch.randn(10, 1, 2)[..., 0])
    x = torch.randn(5, 1)

    def closure(optimizer: Any) -> Any:
        optimizer.zero_grad()
        loss = (weight @ x + bias).pow(2).sum()
        loss.backward()
        return loss

    return [weight, bias], closure


@every
@pytest.mark.parametrize("is_contiguous", [True, False])
@pytest.mark.filterwarnings("ignore:.*lr_scheduler.step.*:UserWarning")
def test_it_goes_in_the_right_direction(name: str, arguments: dict[str, Any], is_contiguous: bool) -> None:
    for create_schedulers in [(), *INFOS[name].scheduler_inputs]:
        params, closure = problem(is_contiguous)
        optimizer = create(name, params, **arguments)
        closure = functools.partial(closure, optimizer)
        schedulers = [one(optimizer) for one in create_schedulers]
        initial = closure().item()
        for _ in range(20):
            loss = optimizer.step(closure)
            for scheduler in schedulers:
                scheduler.step(*([loss.detach()] if isinstance(scheduler, ReduceLROnPlateau) else []))
        final = closure().item()
        assert final > initial if arguments.get("maximize") else final < initial


@every
def test_a_tensor_is_as_good_a_learning_rate_as_a_number(name: str, arguments: dict[str, Any]) -> None:
    rate = float(arguments.get("lr", 0.01))
    (one, closure_one), (other, closure_other) = problem(), problem()
    ours = create(name, one, **{**arguments, "lr": rate})
    again = create(name, other, **{**arguments, "lr": torch.tensor(rate, dtype=torch.float64)})
    for _ in range(5):
        ours.step(lambda: closure_one(ours))
        again.step(lambda: closure_other(again))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@every
def test_states_are_deterministic_and_load_with_weights_only(name: str, arguments: dict[str, Any]) -> None:
    params, closure = problem()
    optimizer = create(name, params, **arguments)
    for _ in range(3):
        optimizer.step(lambda: closure(optimizer))
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    torch.testing.assert_close(saved["state"], optimizer.state_dict()["state"], rtol=0, atol=0)
    others = [torch.nn.Parameter(param.detach().clone()) for param in params]
    again = create(name, others, **arguments)
    before = copy.deepcopy(saved)
    again.load_state_dict(saved)
    assert str(saved) == str(before)
    for _ in range(3):
        for param, other in zip(params, others, strict=True):
            param.grad = torch.randn_like(param)
            other.grad = param.grad.clone()
        optimizer.step()
        again.step()
    assert all(torch.equal(a, b) for a, b in zip(params, others, strict=True))
    assert str(again.state_dict()) == str(optimizer.state_dict())


@every
def test_a_copy_has_all_public_attributes_and_text(name: str, arguments: dict[str, Any]) -> None:
    params, closure = problem()
    optimizer = create(name, params, **arguments)
    optimizer.step(lambda: closure(optimizer))
    public = {key for key in vars(optimizer) if not key.startswith("_")}
    assert {key for key in vars(copy.deepcopy(optimizer)) if not key.startswith("_")} == public
    assert "Parameter Group 0" in repr(optimizer)


@every
def test_without_gradients_a_step_does_nothing(name: str, arguments: dict[str, Any]) -> None:
    params, _ = problem()
    optimizer = create(name, params, **arguments)
    before = [param.detach().clone() for param in params]
    optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(before, params, strict=True))
    assert not any(optimizer.state.values())


@not_muon
def test_empty_parameters_are_no_trouble(name: str, arguments: dict[str, Any]) -> None:
    params = [torch.nn.Parameter(torch.randn(0)), torch.nn.Parameter(torch.randn(3))]
    optimizer = create(name, params, **arguments)
    for param in params:
        param.grad = torch.randn_like(param)
    optimizer.step()


@every
def test_named_and_unnamed_states_load_each_other(name: str, arguments: dict[str, Any]) -> None:
    params, closure = problem()
    named = create(name, list(zip(("weight", "bias"), params, strict=True)), **arguments)
    plain = create(name, params, **arguments)
    named.step(lambda: closure(named))
    plain.load_state_dict(named.state_dict())
    plain.step(lambda: closure(plain))
    named.load_state_dict(plain.state_dict())
    assert named.param_groups[0]["param_names"] == ["weight", "bias"]
    named.step(lambda: closure(named))


@pytest.mark.parametrize("name", NAMES)
def test_hooks_of_states(name: str) -> None:
    params, closure = problem()
    optimizer, seen = create(name, params), list[str]()
    optimizer.step(lambda: closure(optimizer))
    optimizer.register_state_dict_pre_hook(lambda _: seen.append("before saving"))
    optimizer.register_state_dict_post_hook(lambda *_: seen.append("after saving"))
    optimizer.register_load_state_dict_pre_hook(lambda *_: seen.append("first"))
    optimizer.register_load_state_dict_pre_hook(lambda *_: seen.append("before first"), prepend=True)
    optimizer.register_load_state_dict_post_hook(lambda _: seen.append("after loading"))
    optimizer.load_state_dict(optimizer.state_dict())
    assert seen == ["before saving", "after saving", "before first", "first", "after loading"]


@pytest.mark.parametrize("name", NAMES)
def test_what_torch_refuses_is_refused(name: str) -> None:
    own = INFOS[name].optim_error_inputs_func(device="cpu", dtype=torch.float32)
    assert own
    for case in [*get_error_inputs_for_all_optims("cpu", torch.float32), *own]:
        given = case.optimizer_error_input
        arguments = {key: value for key, value in given.kwargs.items() if key not in FLAGS}
        if FLAGS & given.kwargs.keys():
            continue
        params = [torch.nn.Parameter(torch.randn(1, 1))] if given.params is None else given.params
        if given.desc in ACCEPTED:
            create(name, params, **arguments)
            continue
        with pytest.raises((case.error_type, TypeError)):  # or a step raises a TypeError about complex numbers
            create(name, params, **arguments).step()
