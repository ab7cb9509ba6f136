"""The engine through torch's operations computes what our kernels compute, for every optimizer that is a rule."""

import shutil
from typing import Any

import pytest
import torch
import torch._dynamo
from torch._dynamo.utils import counters

import mxcore as mx

NEEDS_COMPILER = pytest.mark.skipif(shutil.which("g++") is None, reason="torch's compiler needs g++ here")

WRAPPERS = [
    "lookahead({}, k=3)",
    *map("{}({{}})".format, ("average", "agc", "cautious", "mars", "grokfast", "centralized")),
]
RECORDS = {record.name: record for record in mx.catalogue.records("optimizer")}
# Their noise is drawn by torch here; or they need more than gradients; or another optimizer.
OTHERS = {"mixed", "momo", "sam", "sgld", "sophia"}


def is_plain(name: str) -> bool:
    return name not in OTHERS and f"{name}({{}}" not in {one.split("}")[0] + "}" for one in WRAPPERS}


PLAIN = [name for name in sorted(RECORDS) if is_plain(name)]
RULES = [name for name in PLAIN if type(mx.optimizer.create(name)).rule]


def run(name: str, dtype: torch.dtype = torch.float32, steps: int = 12, **arguments: Any) -> list[Any]:
    """Return the weights and the evaluation weights after some steps."""
    torch.manual_seed(0)
    shapes = {"a.weight": (4, 3), "a.bias": (5,), "scale": ()}
    params = {label: torch.nn.Parameter(torch.randn(shape, dtype=dtype)) for label, shape in shapes.items()}
    optimizer = mx.torch.Optimizer(params.items(), name, **arguments)
    torch.manual_seed(1)
    for number in range(steps):
        for label, param in params.items():
            param.grad = None if number == 4 and label == "a.bias" and not optimizer.optimizer.needs_all else (
                torch.randn_like(param)
            )  # fmt: skip
        optimizer.step()
    found = [param.detach().clone() for param in params.values()]
    with optimizer.evaluating():
        return found + [param.detach().clone() for param in params.values()]


def assert_engines_agree(name: str, dtype: torch.dtype = torch.float32, **arguments: Any) -> None:
    one, other = (run(name, dtype, engine=engine, **arguments) for engine in ("memory", "operations"))
    for a, b in zip(one, other, strict=True):
        assert ((a - b).abs() / b.abs().clamp(min=1)).max() <= 2e-6


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64], ids=["float", "complex"])
@pytest.mark.parametrize("name", RULES)
def test_every_rule(name: str, dtype: torch.dtype) -> None:
    assert_engines_agree(name, dtype)


@pytest.mark.parametrize("name", sorted({*PLAIN} - {*RULES}))
def test_array_code_is_refused(name: str) -> None:
    with pytest.raises(mx.exchange.NotExpressibleError, match="is array code"):
        run(name, engine="operations")


@pytest.mark.parametrize("name", [one.format(inner) for one in WRAPPERS for inner in ("adam", "nadam")])
def test_every_wrapper(name: str) -> None:
    assert_engines_agree(name)


def test_what_stands_around_a_rule() -> None:
    assert_engines_agree(
        "adamw", lr=0.05, weight_decay=0.1, clip_global_norm=0.5, clip_gradient=0.2, maximize=True, rescale_grad=0.5,
        groups={".*bias": {"weight_decay": 0.0, "betas": (0.5, 0.9)}},
        lr_scheduler=mx.lr_scheduler.create("cosine", max_update=10, base_lr=0.05),
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # in torch's own compiler
@pytest.mark.parametrize("backend", ["eager", pytest.param("inductor", marks=NEEDS_COMPILER)])
@pytest.mark.parametrize("name", ["adamw", "nadam", "lamb", "lookahead(prodigy)"])
def test_it_compiles_as_one_graph_for_all_steps(name: str, backend: str) -> None:
    torch._dynamo.reset()
    counters.clear()
    compiled = run(name, engine="operations", compile=backend, steps=4)
    assert counters["stats"]["unique_graphs"] == 1
    for a, b in zip(compiled, run(name, engine="operations", steps=4), strict=True):
        torch.testing.assert_close(a, b, rtol=2e-6, atol=2e-6)


def test_noise_is_that_of_torch() -> None:
    one, other = run("sgld", engine="operations"), run("sgld", engine="operations")
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_settings_that_no_graph_has_are_refused() -> None:
    for arguments in ({"accumulate": 2}, {"on_nonfinite": "skip"}):
        with pytest.raises(mx.exchange.NotExpressibleError, match="engine='memory'"):
            run("adam", engine="operations", **arguments)
