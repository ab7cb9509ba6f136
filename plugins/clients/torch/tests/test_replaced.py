"""Programs that replace parameters and states: splatting, networks that grow or are pruned, and resets."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch_loops import ENGINES

import mxcore as mx

Optimizer = torch.optim.Optimizer
Make = Callable[[list[Any]], Optimizer]


def step(optimizer: Optimizer, *params: torch.Tensor) -> None:
    optimizer.zero_grad()
    torch.stack([(param - 3).pow(2).sum() for param in params]).sum().backward()
    optimizer.step()


def replace(optimizer: Optimizer, old: Any, change: Callable[[Any], Any], how: str) -> Any:
    """Put a parameter of another length into its group, as gsplat (``list``) and the first splatting code do."""
    state = optimizer.state.pop(old)
    new = torch.nn.Parameter(change(old.detach()))
    for group in optimizer.param_groups:
        for place, param in enumerate(group["params"]):
            if param is old and how == "list":
                group["params"] = [*group["params"][:place], new, *group["params"][place + 1 :]]
            elif param is old:
                group["params"][place] = new
    changed = {key: change(value) if getattr(value, "ndim", 0) else value for key, value in state.items()}
    if how == "element, same dict":
        state.update(changed)
        changed = state
    optimizer.state[new] = changed
    return new


def pruned_and_grown(make: Make, how: str) -> list[torch.Tensor]:
    one, other = (torch.nn.Parameter(torch.linspace(-1, 1, 24).reshape(8, 3) * scale) for scale in (1, 2))
    optimizer = make([{"params": [one]}, {"params": [other], "lr": 0.02}])
    for number in range(15):
        step(optimizer, one, other)
        if number == 4:
            other = replace(optimizer, other, lambda value: value[:5].clone(), how)
        if number == 5:
            one = replace(optimizer, one, lambda value: value[:5], how)  # in the same place in memory
        if number == 9:
            other = replace(optimizer, other, lambda value: torch.cat([value, torch.zeros(4, 3)]), how)
    assert optimizer.state[one]["step"] == 15
    return [one, other]


@pytest.mark.parametrize("how", ["list", "element", "element, same dict"])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_parameter_is_replaced_and_its_state_comes_along(engine: str, how: str) -> None:
    ours = pruned_and_grown(lambda groups: mx.torch.Optimizer(groups, "adam", lr=0.1, engine=engine), how)
    theirs = pruned_and_grown(lambda groups: torch.optim.Adam(groups, lr=0.1), how)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=2e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_without_its_state_it_begins_anew(engine: str) -> None:
    found = []
    for make in (lambda params: mx.torch.Optimizer(params, "adam", engine=engine), torch.optim.Adam):
        params = [torch.nn.Parameter(torch.zeros(3)), torch.nn.Parameter(torch.zeros(2))]
        optimizer: Optimizer = make(params)
        for number in range(9):
            if number == 4:
                optimizer.param_groups[0]["params"][1] = params[1] = torch.nn.Parameter(torch.ones(5))
            step(optimizer, *params)
        found.append([params, [int(optimizer.state[param]["step"]) for param in params]])
    torch.testing.assert_close(*found, rtol=0, atol=2e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_schedule_goes_on(engine: str) -> None:
    params = [torch.nn.Parameter(torch.zeros(3)), torch.nn.Parameter(torch.zeros(2))]
    schedule = mx.lr_scheduler.create("factor", step=4, factor=0.5)
    optimizer = mx.torch.Optimizer(params, "sgd", engine=engine, lr=1.0, lr_scheduler=schedule)
    rates = []
    for number in range(9):
        if number == 3:
            optimizer.param_groups[0]["params"] = params = [params[0], torch.nn.Parameter(torch.ones(5))]
        step(optimizer, *params)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == [1] * 4 + [0.5] * 4 + [0.25]


def reset_to_zeros(optimizer: Optimizer, param: torch.Tensor) -> None:
    state = optimizer.state[param]
    for key in state.keys() - {"step"}:
        state[key] = torch.zeros_like(state[key])


def reset_counts(optimizer: Optimizer, _: torch.Tensor) -> None:
    for state in optimizer.state.values():
        state["step"] = torch.zeros_like(state["step"]) if isinstance(state["step"], torch.Tensor) else 0


def reset_all(optimizer: Optimizer, _: torch.Tensor) -> None:
    optimizer.state = defaultdict(dict)


def remove(optimizer: Optimizer, param: torch.Tensor) -> None:
    del optimizer.state[param]


def multiply_in_place(optimizer: Optimizer, param: torch.Tensor) -> None:
    for value in optimizer.state[param].values():
        if isinstance(value, torch.Tensor) and value.ndim:
            value.mul_(0.5)


@pytest.mark.parametrize("change", [reset_to_zeros, reset_counts, reset_all, remove, multiply_in_place])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_changed_state_is_taken_over(engine: str, change: Callable[[Optimizer, torch.Tensor], None]) -> None:
    found = []
    for make in (lambda params: mx.torch.Optimizer(params, "adam", lr=0.1, engine=engine), torch.optim.Adam):
        params = [torch.nn.Parameter(torch.zeros(3)), torch.nn.Parameter(torch.zeros(2))]
        optimizer: Optimizer = make(params)
        optimizer.param_groups[0]["lr"] = 0.1
        for number in range(12):
            step(optimizer, *params)
            if number in (4, 7):
                change(optimizer, params[0])
        found.append(params)
    torch.testing.assert_close(*found, rtol=0, atol=2e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_who_looks_at_the_state_finds_it_as_it_is_now(engine: str) -> None:
    param = torch.nn.Parameter(torch.zeros(3))
    optimizer, product = mx.torch.Optimizer([param], "nadam", engine=engine), 1.0
    for number in range(1, 6):
        step(optimizer, param)
        own = optimizer.state[param]
        assert own["step"] == number
        assert own["product"] < product
        product = own["product"]
        own["of another program"] = number
    assert optimizer.state[param]["of another program"] == 5


def test_a_state_that_does_not_fit_is_refused_until_it_does() -> None:
    param = torch.nn.Parameter(torch.zeros(3))
    optimizer = mx.torch.Optimizer([param], "adam", lr=0.1)
    step(optimizer, param)
    own, before = optimizer.state[param], param.detach().clone()
    mean, message = own.pop("mean"), r"parameter 0: the state has \['step', 'variance'\], but Adam has \['mean',"
    for _ in range(2):
        with pytest.raises(ValueError, match=message):
            step(optimizer, param)
        own["mean"] = torch.zeros(2)
        with pytest.raises(ValueError, match=r"parameter 0: mean must have the shape \(3,\), got \(2,\)"):
            step(optimizer, param)
        del own["mean"]
    assert torch.equal(param, before)
    own["mean"] = mean
    step(optimizer, param)
    assert optimizer.state[param]["step"] == 2


@pytest.mark.parametrize("engine", ENGINES)
def test_what_replaces_a_parameter_is_refused_until_it_fits(engine: str) -> None:
    param = torch.nn.Parameter(torch.zeros(3))
    optimizer = mx.torch.Optimizer([param], "adam", lr=0.1, engine=engine)
    step(optimizer, param)
    new = torch.nn.Parameter(torch.zeros(2))
    optimizer.state[new] = state = optimizer.state.pop(param)
    optimizer.param_groups[0]["params"] = [new]
    for _ in range(2):
        with pytest.raises((ValueError, RuntimeError), match="shape|size"):
            step(optimizer, new)
        assert optimizer.state[new] is state
        assert new.tolist() == [0, 0]
    state.update({name: value[:2] for name, value in state.items() if name != "step"})
    step(optimizer, new)
    assert optimizer.state[new]["step"] == 2


@pytest.mark.parametrize("engine", ENGINES)
def test_a_parameter_that_shrinks_where_it_is_keeps_its_neighbours(engine: str) -> None:
    whole = torch.zeros(1000)
    param = torch.nn.Parameter(whole)
    optimizer = mx.torch.Optimizer([param], "adam", lr=0.1, engine=engine)
    grad = torch.ones(1000)
    for _ in range(5):
        param.grad = grad
        optimizer.step()
    param.grad, param.data = None, whole[:10]
    param.grad, before = grad[:10], whole.clone()
    with pytest.raises((ValueError, RuntimeError), match="shape|size"):
        optimizer.step()
    assert torch.equal(whole, before)


def test_names_must_be_replaced_with_their_parameters() -> None:
    params = [(name, torch.nn.Parameter(torch.zeros(3))) for name in ("weight", "bias")]
    optimizer = mx.torch.Optimizer(params, "adam", lr=0.1)
    weight = params[0][1]
    step(optimizer, weight)
    del optimizer.param_groups[0]["params"][1]
    with pytest.raises(ValueError, match="1 params, but 2 param_names"):
        step(optimizer, weight)
    del optimizer.param_groups[0]["param_names"][1]
    step(optimizer, weight)
    assert optimizer.state[weight]["step"] == 2
