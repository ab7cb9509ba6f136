"""A small network, its data, and what all tests of loops do with them."""

from typing import Any

import torch

import mxcore as mx

ENGINES = ["memory", "offload", "operations"]
torch.manual_seed(0)
X = torch.randn(64, 6)
Y = X[:, :1].sin() + X[:, 1:2]


def network(seed: int = 0) -> torch.nn.Sequential:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))


def loss_of(model: Any) -> Any:
    return ((model(X) - Y) ** 2).mean()


def train(model: Any, optimizer: Any, steps: int = 5, *others: Any) -> list[Any]:
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(model).backward()
        for one in (optimizer, *others):
            one.step()
    return weights(model)


def weights(model: Any) -> list[Any]:
    return [param.detach().clone() for param in model.parameters()]


def assert_same(one: list[Any], other: list[Any]) -> None:
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def made(model: Any, name: Any = "adamw", **arguments: Any) -> Any:
    return mx.torch.Optimizer(model.named_parameters(), name, **{"lr": 0.01, **arguments})
