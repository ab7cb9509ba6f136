"""Record runs of pytorch_optimizer's classes for matrices: ``python tools/record_matrices.py``.

Needs torch, pytorch_optimizer and mxcore. The references are changed in what would make a comparison impossible:

* They orthogonalize in bfloat16, and solve triangular systems in float32; here both have the dtype of the weights.
* AdaMuon's paper orthogonalizes the signs of the momentum, pytorch_optimizer the momentum; here it is given the signs,
  unless a case says ``sign=False``.
* Kron draws its noise from mxcore's generator, with its keys, and does not balance its factors at random.
* APOLLO does not project: pytorch_optimizer scales the projected gradient, not the gradient as its authors do, which is
  the same only without a projection.
"""

from collections.abc import Iterator
from typing import Any

import pytorch_optimizer
import torch
from pytorch_optimizer.optimizer import psgd, scion
from pytorch_optimizer.optimizer.muon import adamuon, normuon
from pytorch_optimizer.optimizer.utils import galore
from record_optimizers import FALLING, Case, record

import mxcore as mx

SEED = 7
STACKED = [(4, 3), (3, 5), (3, 5), (5,)]
KERNEL = [(4, 3), (4, 2, 3), (2, 5), (5,)]
AXES = [(4, 3), (2, 3, 2), (5,)]
NAMES = {"0": "fc_weight", "1": "conv_weight", "2": "head_weight", "3": "last_weight"}
EXEMPT = {"0": "fc_weight", "1": "conv_weight", "2": "fc_bias"}
iterate = normuon.zero_power_via_newton_schulz_5


def orthogonalize(matrix: Any, *arguments: Any, **more: Any) -> Any:
    return iterate(matrix, *arguments, **more, dtype=matrix.dtype)


def groups(params: Any, given: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    """Return the matrices, and the rest for AdamW."""
    matrices = {"params": params[:-1], "use_muon": True, "weight_decay": given.get("wd", 0.1), **more}
    rest = {"params": params[-1:], "use_muon": False, "weight_decay": given.get("adam_wd", 0.01)}
    return [matrices, {**rest, "betas": (given.get("adam_beta1", 0.9), 0.999), "eps": 1e-8}]


def make_normuon(params: Any, given: dict[str, Any]) -> Any:
    more = {"momentum": given.get("momentum", 0.95), "beta2": given.get("beta2", 0.95), "eps": 1e-7}
    more["nesterov"] = given.get("nesterov", True)
    more["update_scale"] = "match_rms" if "scale_mode" in given else "preserve_norm"
    return pytorch_optimizer.NorMuon(groups(params, given, **more), foreach=False)


def make_adamuon(params: Any, given: dict[str, Any]) -> Any:
    def of_signs(matrix: Any, *arguments: Any, **more: Any) -> Any:
        return orthogonalize(matrix.sign(), *arguments, **more)

    adamuon.zero_power_via_newton_schulz_5 = of_signs if given.get("sign", True) else orthogonalize
    more = {"betas": (given.get("momentum", 0.95), given.get("beta2", 0.95)), "eps": given["epsilon"]}
    more["use_adjusted_lr"] = "scale_mode" not in given
    return pytorch_optimizer.AdaMuon(groups(params, given, **more), foreach=False)


def make_scion(params: Any, given: dict[str, Any]) -> Any:
    scale, sign = given.get("radius", 50.0), given.get("sign_radius", 3000.0)
    every = [{"params": [param], "scale": scale, "norm_type": scion.LMONorm.AUTO} for param in params]
    if "exclude" in given:
        every[2] |= {"scale": sign, "norm_type": scion.LMONorm.SIGN}
    more = {"momentum": 1 - given.get("momentum", 0.9), "constraint": given.get("constrained", False)}
    return pytorch_optimizer.SCION(every, weight_decay=given.get("wd", 0.0), foreach=False, **more)


def make_kron(params: Any, given: dict[str, Any]) -> Any:
    names, calls = given.get("param_idx2name", {}), iter(range(10**6))

    def noise(like: Any, dtype: Any) -> Any:
        update, index = divmod(next(calls), len(params))
        key = ("kron", names.get(str(index), index), "noise", update + 1)
        drawn = mx.random.generator(*key, dtype=str(dtype).removeprefix("torch.")).standard_normal(tuple(like.shape))
        return torch.tensor(drawn, dtype=dtype)

    mx.random.seed(SEED)
    torch.randn_like = noise
    more = {"max_size_triangular": given.get("max_size_triangular", 8192), "precondition_dtype": params[0].dtype}
    more |= {"momentum": given.get("momentum", 0.9), "weight_decay": given.get("wd", 0.0), "balance_prob": 0.0}
    return pytorch_optimizer.Kron(params, **more)


def make_apollo(params: Any, given: dict[str, Any]) -> Any:
    group = {"params": params, "rank": 256, "update_proj_gap": 200, "projection_type": "std"}
    group |= {"scale": given.get("scale", 1.0), "scale_type": given.get("scale_type", "channel")}
    group |= {"betas": (given.get("beta1", 0.9), 0.999), "eps": 1e-6, "weight_decay": given.get("wd", 0.0)}
    return pytorch_optimizer.APOLLO([group], correct_bias=given.get("correct_bias", True), foreach=False)


def project(_: Any, grad: Any, *_args: Any, **_more: Any) -> Any:
    return grad.clone()


def solve_right(x: Any, a: Any) -> Any:
    return torch.linalg.solve_triangular(a, x.reshape(-1, x.size(-1)), upper=True, left=False).reshape_as(x)


def cases() -> Iterator[Case]:
    arguments: dict[str, Any]
    fall = {"lr_scheduler": FALLING}
    own = {"momentum": 0.8, "beta2": 0.9, "wd": 0.0, "adam_wd": 0.2, "adam_beta1": 0.8}
    for arguments in ({}, {"nesterov": False}, {"scale_mode": "match_rms_adamw", **fall}, own):
        yield "NorMuon", "NorMuon", make_normuon, {"learning_rate": 0.05, **arguments}, STACKED
    for arguments in ({}, {"sign": False}, {"sign": False, "scale_mode": "original", **fall}, own):
        given = {"learning_rate": 0.05, "epsilon": 1e-10, **arguments}
        yield "AdaMuon", "AdaMuon", make_adamuon, given, STACKED
    excluded = {"exclude": ["head_"], "param_idx2name": NAMES, "radius": 2.0, "sign_radius": 6.0}
    for arguments in (
        {},
        {"momentum": 0.5, "radius": 3.0, "wd": 0.1},
        {**excluded, **fall},
        {**excluded, "constrained": True},
    ):
        yield "Scion", "SCION", make_scion, {"learning_rate": 0.01, **arguments}, KERNEL
    for arguments in ({}, {"momentum": 0.5, **fall}, {"max_size_triangular": 3}, {"wd": 0.1, "param_idx2name": EXEMPT}):
        yield "Kron", "Kron", make_kron, {"learning_rate": 0.05, **arguments}, AXES
    tensor = {"scale_type": "tensor", "scale": 4.0}
    for arguments in ({}, {"beta1": 0.5, **fall}, tensor, {"wd": 0.1, "correct_bias": False}):
        yield "APOLLO", "APOLLO", make_apollo, {"learning_rate": 0.05, **arguments}, [(4, 3), (3, 4), (5,)]


if __name__ == "__main__":
    normuon.zero_power_via_newton_schulz_5 = scion.zero_power_via_newton_schulz_5 = orthogonalize
    psgd.solve_triangular_right = solve_right
    galore.GaLoreProjector.project = project
    galore.GaLoreProjector.project_back = lambda _, scaled: scaled
    record("matrices", cases, {"AdaMuon": 1e-8, "Kron": 1e-9}, seed=SEED)
