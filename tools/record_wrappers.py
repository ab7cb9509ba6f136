"""Record wrappers of others: ``python tools/record_wrappers.py``, with torch, timm and pytorch_optimizer installed.

Each case has arguments of mxcore, 20 steps of gradients, and the weights that the reference reaches from the same
weights. Where the reference is a function of gradients, it is called before ``torch.optim.AdamW`` or ``SGD``.
"""

import importlib.metadata
import importlib.util
import json
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

HERE = Path(__file__).parent.parent / "tests" / "golden" / "composed"
STEPS = 20
SHAPES = [(4, 3), (5,), (2, 3, 2, 2)]
SGD = {"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9}
ADAMW = {"optimizer": "adamw", "learning_rate": 0.05, "wd": 0.1}

# timm's package imports torchvision, which its optimizers do not need.
folder = Path(importlib.util.find_spec("timm").origin).parent  # type: ignore[union-attr, arg-type]
for name in ("timm", "timm.optim", "timm.utils"):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [str(folder.joinpath(*name.split(".")[1:]))]
from pytorch_optimizer.optimizer.gradient_centralization import centralize_gradient  # noqa: E402
from pytorch_optimizer.optimizer.grokfast import gradfilter_ema  # noqa: E402
from timm.optim.adamw import AdamWLegacy  # noqa: E402
from timm.optim.mars import Mars  # noqa: E402
from timm.utils.agc import adaptive_clip_grad  # noqa: E402

Step = Callable[[], None]
Oracle = tuple[str, Callable[[torch.nn.ParameterList], Step]]


def version(package: str) -> str:
    return f"{package}-{importlib.metadata.version(package).split('+')[0]}"


def base(arguments: dict[str, Any], parameters: Any) -> torch.optim.Optimizer:
    if arguments["optimizer"] == "sgd":
        return torch.optim.SGD(parameters, lr=arguments["learning_rate"], momentum=arguments["momentum"])
    return torch.optim.AdamW(parameters, lr=arguments["learning_rate"], weight_decay=arguments["wd"])


def before(arguments: dict[str, Any], change: Callable[[torch.nn.ParameterList], None]) -> Any:
    """Return an optimizer whose gradients a function changes."""

    def make(model: torch.nn.ParameterList) -> Step:
        optimizer = base(arguments, model.parameters())

        def step() -> None:
            change(model)
            optimizer.step()

        return step

    return make


def grokfast(alpha: float, lamb: float) -> Callable[[torch.nn.ParameterList], None]:
    kept: dict[str, Any] = {"grads": None}

    def change(model: torch.nn.ParameterList) -> None:
        kept["grads"] = gradfilter_ema(model, kept["grads"], alpha=alpha, lamb=lamb)

    return change


def centralized(**keywords: Any) -> Callable[[torch.nn.ParameterList], None]:
    def change(model: torch.nn.ParameterList) -> None:
        for parameter in model.parameters():
            centralize_gradient(parameter.grad, **keywords)

    return change


def cases() -> Iterator[tuple[str, dict[str, Any], Oracle]]:
    """Yield the name of each wrapper, its arguments, and the reference."""
    po, timm = version("pytorch_optimizer"), version("timm")
    for arguments in (SGD, ADAMW):
        for own, keywords in (({}, {}), ({"convolutions_only": True}, {"gc_conv_only": True})):
            change = before(arguments, centralized(**keywords))
            yield "centralized", {**arguments, **own}, (f"{po} centralize_gradient", change)
        for own in ({"clipping": 0.3}, {"clipping": 0.05, "epsilon": 2.0}):
            keywords = {"clip_factor": own["clipping"], "eps": own.get("epsilon", 1e-3)}
            clip = lambda model, k=keywords: adaptive_clip_grad(model.parameters(), **k)
            yield "agc", {**arguments, **own}, (f"{timm} adaptive_clip_grad", before(arguments, clip))
        for alpha, factor in ((0.98, 2.0), (0.5, 1.0)):
            change = before(arguments, grokfast(alpha, factor))
            yield "grokfast", {**arguments, "alpha": alpha, "factor": factor}, (f"{po} gradfilter_ema", change)
        yield "average", {**arguments, "beta": 0.9}, (f"{version('torch')} AveragedModel, exponential", averaged)
        yield "average", {**arguments, "beta": None}, (f"{version('torch')} AveragedModel", averaged)
    legacy = lambda model: AdamWLegacy(model.parameters(), lr=0.05, weight_decay=0.1, caution=True).step
    yield "cautious", ADAMW, (f"{timm} AdamWLegacy with caution", legacy)
    for gamma in (0.025, 0.3):
        keywords = {"lr": 0.05, "betas": (0.95, 0.99), "weight_decay": 0.1, "gamma": gamma, "optimize_1d": True}
        mars = lambda model, k=keywords: Mars(model.parameters(), **k).step
        arguments = {**ADAMW, "gamma": gamma, "beta2": 0.99}
        yield "mars", {**arguments, "optimizer": {"optimizer": "adamw", "beta1": 0.95}}, (f"{timm} Mars", mars)


def averaged(model: torch.nn.ParameterList) -> Step:
    raise AssertionError("recorded by itself")


def main() -> None:
    arrays: dict[str, Any] = {}
    index: list[dict[str, Any]] = []
    every = [(case, dtype) for dtype in ("float32", "float64") for case in cases()]
    for number, ((name, arguments, (oracle, make)), dtype) in enumerate(every):
        rng = np.random.default_rng(number)
        key = f"composed_{name}_{number:03}"
        first = [rng.normal(size=shape).astype(dtype) for shape in SHAPES]
        grads = [rng.normal(size=(STEPS, *shape)).astype(dtype) for shape in SHAPES]
        model = torch.nn.ParameterList([torch.nn.Parameter(torch.tensor(array)) for array in first])
        average = None
        if make is averaged:
            beta = arguments["beta"]
            average = AveragedModel(model, **({"multi_avg_fn": get_ema_multi_avg_fn(beta)} if beta else {}))
            step = base(arguments, model.parameters()).step
        else:
            step = make(model)
        keys: dict[str, Any] = {f"w0/{k}": array for k, array in enumerate(first)}
        reached: dict[str, list[Any]] = {}
        for at in range(STEPS):
            for parameter, grad in zip(model.parameters(), grads, strict=True):
                parameter.grad = torch.tensor(grad[at])
            step()
            for k, parameter in enumerate(model.parameters()):
                reached.setdefault(f"w/{k}", []).append(parameter.detach().numpy().copy())
            if average is not None:
                average.update_parameters(model)
                for k, parameter in enumerate(average.module.parameters()):
                    reached.setdefault(f"x/{k}", []).append(parameter.detach().numpy().copy())
        keys |= {f"g/{k}": grad for k, grad in enumerate(grads)}
        keys |= {place: np.stack(values) for place, values in reached.items()}
        arrays |= {f"{key}/{place}": values for place, values in keys.items()}
        rate = arguments["learning_rate"]
        case = {"id": key, "kind": "optimizer", "class": name, "name": name, "kwargs": arguments, "oracle": oracle}
        case |= {"call": "list", "indices": list(range(len(SHAPES))), "dtype": dtype, "num_update": STEPS}
        case |= {"learning_rate_after": [rate] * STEPS, "rtol": 1e-6, "atol": 2e-6 if dtype == "float32" else 1e-12}
        index.append({**case, "file": "composed/wrappers.npz", "keys": list(keys)})
    np.savez_compressed(HERE / "wrappers.npz", **arrays)
    text = {"format": "as in ../modern; x/k are evaluation weights", "cases": index}
    (HERE / "index.json").write_text(json.dumps(text), encoding="utf-8")


if __name__ == "__main__":
    main()
