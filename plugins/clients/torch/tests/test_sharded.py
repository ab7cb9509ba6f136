"""Parameters in parts, one for each process, as ``fully_shard`` makes them."""

import copy
from pathlib import Path

import pytest
import torch
from torch.distributed import destroy_process_group, init_process_group
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch_loops import network, train

import mxcore as mx

RANKS = 2


def run(rank: int, meeting: str, name: str, engine: str) -> None:
    """Train a model in parts, save and resume it, and compare the parameters with those of one process."""
    init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=RANKS)
    mesh = init_device_mesh("cpu", (RANKS,))

    def sharded() -> tuple[torch.nn.Module, mx.torch.Optimizer]:
        model = fully_shard(network(), mesh=mesh)
        return model, mx.torch.Optimizer(model.parameters(), name, lr=0.05, engine=engine)

    model, optimizer = sharded()
    train(model, optimizer, 5)
    saved = copy.deepcopy(get_state_dict(model, optimizer))
    resumed, resumed_optimizer = sharded()
    set_state_dict(resumed, resumed_optimizer, model_state_dict=saved[0], optim_state_dict=saved[1])
    whole = network()
    train(whole, mx.torch.Optimizer(whole.parameters(), name, lr=0.05), 10)
    train(model, optimizer, 5)
    train(resumed, resumed_optimizer, 5)
    for found in (model, resumed):
        parts = [param.full_tensor().detach() for param in found.parameters()]
        torch.testing.assert_close(parts, [param.detach() for param in whole.parameters()], rtol=0, atol=2e-6)
    destroy_process_group()


@pytest.mark.parametrize(("name", "engine"), [("adam", "auto"), ("lamb", "operations"), ("lookahead(lion)", "auto")])
def test_parts_are_updated_as_the_whole_is(
    name: str, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    torch.multiprocessing.spawn(run, (str(tmp_path / "meeting"), name, engine), nprocs=RANKS)


def test_kernels_need_parameters_in_one_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "lo")
    with pytest.raises(torch.multiprocessing.ProcessRaisedException, match="in pieces.*needs engine='operations'"):
        torch.multiprocessing.spawn(run, (str(tmp_path / "meeting"), "adam", "memory"), nprocs=RANKS)
