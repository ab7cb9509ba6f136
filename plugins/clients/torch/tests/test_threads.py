"""Our kernels on torch's threads."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch

import mxcore as mx

SIZES = (40_000, 3, 30_000)


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = mx.get_num_threads(), torch.get_num_threads()
    yield
    mx.set_num_threads(before[0])
    torch.set_num_threads(before[1])


def printed(script: str) -> str:
    """Return what a script prints in a process of its own."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def trained(name: str) -> list[torch.Tensor]:
    torch.manual_seed(0)
    mx.random.seed(0)
    params = [torch.nn.Parameter(torch.randn(size)) for size in SIZES]
    ours = mx.torch.Optimizer(params, name, lr=0.1)
    for _ in range(5):
        ours.zero_grad()
        torch.stack([(param**2).mean() for param in params]).sum().backward()
        ours.step()
    return [param.detach() for param in params]


@pytest.mark.parametrize("name", ["adam", "lamb", "sgld"])
def test_results_do_not_depend_on_whose_threads_there_are(name: str) -> None:
    mx.set_num_threads(1)
    alone = trained(name)
    mx.set_num_threads(4)
    for count in (1, 2, 4):
        torch.set_num_threads(count)
        assert all(map(torch.equal, trained(name), alone))


@pytest.mark.skipif(sys.platform != "linux", reason="torch has OpenMP's threads on Linux")
def test_no_other_threads_are_started_beside_those_of_torch() -> None:
    script = """
import threading, torch, mxcore as mx
mx.set_num_threads(3)
param = torch.nn.Parameter(torch.zeros(300_000))
param.grad = torch.ones(300_000)
mx.torch.Optimizer([param], "adam", lr=0.1).step()
print([one.name for one in threading.enumerate()])
"""
    assert printed(script) == "['MainThread']\n"


@pytest.mark.skipif(sys.platform != "linux", reason="needs forks, and torch has OpenMP's threads on Linux")
def test_a_child_of_a_fork_may_make_steps() -> None:
    script = """
import os, signal, torch, mxcore as mx
mx.set_num_threads(2)
param = torch.nn.Parameter(torch.zeros(300_000))
param.grad = torch.ones(300_000)
ours = mx.torch.Optimizer([param], "sgd", lr=1.0)
ours.step()
if not (child := os.fork()):
    signal.alarm(30)
    ours.step()
    os._exit(0 if param.detach().numpy().min() == param.detach().numpy().max() == -2 else 1)
print(os.waitpid(child, 0)[1])
"""
    assert printed(script) == "0\n"
