"""The algorithms that torch has, too, make the same steps: 50 of them, on the same given gradients."""

import itertools
from typing import Any

import pytest
import torch

import mxcore as mx

SHAPES = ((5, 4), (4,), ())
# A class of torch, its name here, arguments of both, and those of torch alone.
CASES: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "Adadelta": ("Adadelta", "adadelta", {}, {}),
    "Adadelta, rho": ("Adadelta", "adadelta", {"rho": 0.8, "eps": 1e-5, "lr": 0.5}, {}),
    "Adafactor": ("Adafactor", "adafactor", {}, {}),
    "Adafactor, d": ("Adafactor", "adafactor", {"d": 2.0, "beta2_decay": -0.5, "eps": (1e-6, 1e-2)}, {}),
    "Adagrad": ("Adagrad", "adagrad", {}, {}),
    "Adagrad, lr_decay": ("Adagrad", "adagrad", {"lr_decay": 0.1, "initial_accumulator_value": 0.2}, {}),
    "Adam": ("Adam", "adam", {}, {}),
    "Adam, betas": ("Adam", "adam", {"betas": (0.8, 0.9), "eps": 1e-3, "lr": 0.01}, {}),
    "Adam, amsgrad": ("Adam", "adam", {"amsgrad": True, "lr": 0.01}, {}),
    "Adamax": ("Adamax", "adamax", {}, {}),
    "AdamW": ("AdamW", "adamw", {}, {}),
    "AdamW, amsgrad": ("AdamW", "adamw", {"amsgrad": True, "lr": 0.01}, {}),
    "ASGD": ("ASGD", "asgd", {"t0": 20}, {}),
    "ASGD, lambd": ("ASGD", "asgd", {"lambd": 0.1, "lr": 0.1, "alpha": 0.5}, {}),
    "NAdam": ("NAdam", "nadam", {}, {}),
    "NAdam, momentum_decay": ("NAdam", "nadam", {"momentum_decay": 0.01}, {}),
    "NAdam, decoupled": ("NAdam", "nadam", {"decoupled_weight_decay": True}, {}),
    "RAdam": ("RAdam", "radam", {}, {}),
    "RAdam, decoupled": ("RAdam", "radam", {"decoupled_weight_decay": True}, {}),
    "RMSprop": ("RMSprop", "rmsprop", {}, {}),
    "RMSprop, momentum": ("RMSprop", "rmsprop", {"momentum": 0.9, "alpha": 0.9}, {}),
    "RMSprop, centered": ("RMSprop", "rmsprop", {"centered": True, "momentum": 0.5, "eps": 1e-3}, {}),
    "Rprop": ("Rprop", "rprop", {}, {}),
    "Rprop, etas": ("Rprop", "rprop", {"etas": (0.6, 1.1), "step_sizes": (1e-4, 1.0)}, {}),
    "SGD": ("SGD", "sgd", {}, {}),
    "SGD, momentum": ("SGD", "sgd", {"momentum": 0.9, "dampening": 0.3, "lr": 0.05}, {}),
    "SGD, nesterov": ("SGD", "nag", {"momentum": 0.9, "lr": 0.05}, {"nesterov": True}),
}  # fmt: skip
CHANGES: dict[str, dict[str, Any]] = {
    "plain": {},
    "weight decay": {"weight_decay": 0.1},
    "maximize": {"maximize": True},
}


def deviation(ours: list[Any], theirs: list[Any]) -> float:
    pairs = zip(ours, theirs, strict=True)
    return max(((a - b).abs() / b.abs().clamp(min=1)).max().item() for a, b in pairs)


def parameters(dtype: torch.dtype = torch.float32) -> list[torch.nn.Parameter]:
    torch.manual_seed(0)
    return [torch.nn.Parameter(torch.randn(shape, dtype=dtype)) for shape in SHAPES]


def steps(both: list[Any], schedulers: list[Any], count: int = 50) -> None:
    torch.manual_seed(1)
    for _ in range(count):
        for own, other in zip(*(one.param_groups[0]["params"] for one in both), strict=True):
            own.grad = torch.randn_like(own) * 0.3
            other.grad = own.grad.clone()
        for one in (*both, *schedulers):
            one.step()


def is_possible(case: str, change: str, engine: str) -> bool:
    """Tell whether both have it: torch's Rprop has no weight decay, and Adafactor, which is array code, is no graph."""
    refused = {("Rprop", "weight decay"), ("Adafactor", "operations")}
    return not refused & {(CASES[case][0], change), (CASES[case][0], engine)}


@pytest.mark.parametrize(
    ("case", "change", "engine"),
    [one for one in itertools.product(CASES, CHANGES, ("memory", "operations")) if is_possible(*one)],
)
@pytest.mark.parametrize("is_scheduled", [False, True], ids=["constant", "cosine"])
def test_it_makes_the_steps_of_torch(case: str, change: str, is_scheduled: bool, engine: str) -> None:
    theirs, name, arguments, more = CASES[case]
    one, other = parameters(), parameters()
    arguments = {**arguments, **CHANGES[change]}
    cls = getattr(torch.optim, theirs)
    both = [mx.torch.Optimizer(one, name, engine=engine, **arguments), cls(other, **arguments, **more)]
    schedulers = [torch.optim.lr_scheduler.CosineAnnealingLR(each, 50) for each in both if is_scheduled]
    steps(both, schedulers)
    assert deviation(one, other) <= 2e-6


def test_muon_differs_as_far_as_bfloat16_does() -> None:
    torch.manual_seed(0)
    one = [torch.nn.Parameter(torch.randn(8, 6))]
    other = [torch.nn.Parameter(one[0].detach().clone())]
    both = [mx.torch.Optimizer(one, "muon", lr=0.01), torch.optim.Muon(other, lr=0.01)]
    steps(both, [], 10)
    assert 1e-6 < deviation(one, other) < 0.01


@pytest.mark.parametrize("theirs", ["Adam", "AdamW", "SGD", "RAdam"])
def test_complex_parameters_are_pairs_of_reals(theirs: str) -> None:
    one, other = parameters(torch.complex64), parameters(torch.complex64)
    steps([mx.torch.Optimizer(one, theirs.lower()), getattr(torch.optim, theirs)(other)], [])
    assert deviation(one, other) <= 2e-6


def test_the_default_learning_rate_is_that_of_torch() -> None:
    for name, rate in (("adadelta", 1.0), ("sgd", 1e-3), ("rprop", 1e-2), ("nadam", 2e-3)):
        assert mx.torch.Optimizer(parameters(), name).param_groups[0]["lr"] == rate
    assert mx.torch.Optimizer(parameters(), "lion").param_groups[0]["lr"] == mx.optimizer.create("lion").learning_rate


def test_wrappers_have_the_formula_of_torch_inside() -> None:
    one, other = parameters(), parameters()
    arguments = {"lr": 0.05, "momentum": 0.9}
    both = [mx.torch.Optimizer(one, "lookahead(sgd, k=1000)", **arguments), torch.optim.SGD(other, **arguments)]
    steps(both, [torch.optim.lr_scheduler.CosineAnnealingLR(each, 50) for each in both])
    assert deviation(one, other) <= 2e-6
