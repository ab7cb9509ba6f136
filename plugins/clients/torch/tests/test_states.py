"""States of torch.optim go on in ours, and ours in torch.optim."""

import copy
import itertools
from typing import Any

import pytest
import torch

import mxcore as mx

SHAPES = ((5, 4), (4,), ())
CASES: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "Adadelta": ("Adadelta", "adadelta", {}, {}),
    "Adafactor": ("Adafactor", "adafactor", {}, {}),
    "Adagrad": ("Adagrad", "adagrad", {"lr_decay": 0.1}, {}),
    "Adam": ("Adam", "adam", {"betas": (0.8, 0.95)}, {}),
    "Adam, amsgrad": ("Adam", "adam", {"amsgrad": True}, {}),
    "Adamax": ("Adamax", "adamax", {}, {}),
    "AdamW": ("AdamW", "adamw", {}, {}),
    "AdamW, amsgrad": ("AdamW", "adamw", {"amsgrad": True}, {}),
    "ASGD": ("ASGD", "asgd", {"t0": 2}, {}),
    "NAdam": ("NAdam", "nadam", {}, {}),
    "RAdam": ("RAdam", "radam", {}, {}),
    "RMSprop": ("RMSprop", "rmsprop", {"momentum": 0.9, "centered": True}, {}),
    "Rprop": ("Rprop", "rprop", {}, {}),
    "SGD": ("SGD", "sgd", {}, {}),
    "SGD, momentum": ("SGD", "sgd", {"momentum": 0.9, "dampening": 0.5}, {}),
    "SGD, nesterov": ("SGD", "nag", {"momentum": 0.9}, {"nesterov": True}),
}


def parameters() -> list[torch.nn.Parameter]:
    torch.manual_seed(0)
    return [torch.nn.Parameter(torch.randn(shape)) for shape in SHAPES]


def steps(optimizer: Any, seed: int, count: int = 10) -> None:
    torch.manual_seed(seed)
    for _ in range(count):
        for group in optimizer.param_groups:
            for param in group["params"]:
                param.grad = torch.randn_like(param)
        optimizer.step()


def assert_close(one: Any, other: Any) -> None:
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize(
    ("case", "engine"),
    [*itertools.product(CASES, ["memory"]), *((case, "operations") for case in CASES if case != "Adafactor")],
)
def test_a_state_of_torch_goes_on_here_and_back(case: str, engine: str) -> None:
    theirs, name, arguments, more = CASES[case]
    cls, weights, twins = getattr(torch.optim, theirs), parameters(), parameters()
    reference, first = (cls(some, **arguments, **more) for some in (twins, weights))
    for seed in (1, 2):
        steps(reference, seed)
    steps(first, 1)
    ours = mx.torch.Optimizer(weights, name, engine=engine, **{**arguments, "lr": 123.0})
    ours.load_state_dict(first.state_dict())
    assert ours.param_groups[0]["lr"] == first.param_groups[0]["lr"]
    steps(ours, 2)
    last = cls(weights, **arguments, **more)
    last.load_state_dict(ours.torch_state_dict())
    assert last.state_dict()["param_groups"] == reference.state_dict()["param_groups"]
    for weight, twin in zip(weights, twins, strict=True):
        wanted = {key: value for key, value in reference.state[twin].items() if value is not None}
        assert last.state[weight].keys() == wanted.keys()
        for key, value in wanted.items():
            torch.testing.assert_close(last.state[weight][key], value, rtol=2e-6, atol=2e-6)
    steps(reference, 3)
    steps(last, 3)
    assert_close(weights, twins)


def test_muon_goes_on_up_to_bfloat16() -> None:
    weight = torch.nn.Parameter(torch.randn(6, 4))
    theirs = torch.optim.Muon([weight], lr=0.01)
    steps(theirs, 1)
    twin = torch.nn.Parameter(weight.detach().clone())
    ours = mx.torch.Optimizer([twin], "muon")
    ours.load_state_dict(theirs.state_dict())
    torch.testing.assert_close(ours.state[twin]["m"], theirs.state[weight]["momentum_buffer"], rtol=0, atol=0)
    steps(theirs, 2, 3)
    steps(ours, 2, 3)
    torch.testing.assert_close(twin, weight, rtol=0, atol=2e-3)
    back = torch.optim.Muon([weight])
    back.load_state_dict(ours.torch_state_dict())
    assert back.param_groups[0]["lr"] == 0.01


def test_groups_and_keys_of_schedulers_come_along() -> None:
    weights = parameters()
    groups = [{"params": weights[:1], "lr": 0.1}, {"params": weights[1:], "weight_decay": 0.3}]
    theirs = torch.optim.AdamW(groups)
    torch.optim.lr_scheduler.CosineAnnealingLR(theirs, 10)
    steps(theirs, 1)
    ours = mx.torch.Optimizer([{"params": weights[:1]}, {"params": weights[1:]}], "adamw")
    ours.load_state_dict(theirs.state_dict())
    found = [(group["lr"], group["weight_decay"], group["initial_lr"]) for group in ours.param_groups]
    assert found == [(0.1, 0.01, 0.1), (0.001, 0.3, 0.001)]
    assert "foreach" not in ours.param_groups[0]


def test_an_algorithm_with_other_settings_is_refused() -> None:
    weights = parameters()
    theirs = torch.optim.SGD(weights, momentum=0.9, nesterov=True)
    steps(theirs, 1)
    ours = mx.torch.Optimizer(weights, "sgd", momentum=0.9)
    before = copy.deepcopy(ours.state_dict())
    with pytest.raises(ValueError, match="torch.optim.SGD with nesterov=True, but here it is False"):
        ours.load_state_dict(theirs.state_dict())
    assert ours.state_dict() == before
    with pytest.raises(ValueError, match="torch.optim has no Lion"):
        mx.torch.Optimizer(weights, "lion").torch_state_dict()


def test_a_loaded_state_is_a_copy() -> None:
    weights = parameters()
    ours, other = mx.torch.Optimizer(weights, "adam"), mx.torch.Optimizer(parameters(), "adam")
    steps(ours, 1)
    other.load_state_dict(ours.state_dict())
    before = copy.deepcopy(ours.state_dict()["state"])
    steps(other, 2)
    torch.testing.assert_close(ours.state_dict()["state"], before)
