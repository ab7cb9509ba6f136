"""Record torch's optimizers on complex weights: ``python tools/record_complex.py``, with torch installed.

Each case is a run of 20 updates with given gradients and torch's default arguments, but for the weight decay and the
momentum that it names.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

HERE = Path(__file__).parent.parent / "tests" / "golden" / "composed"
STEPS = 20
SHAPES = [(4, 3), (5,), ()]
RATE = 0.05
CASES: list[tuple[str, type[torch.optim.Optimizer], dict[str, Any], dict[str, Any]]] = [
    # ours, theirs, arguments of theirs, the same arguments of ours
    ("sgd", torch.optim.SGD, {"momentum": 0.9, "weight_decay": 0.1}, {"momentum": 0.9, "wd": 0.1}),
    ("adam", torch.optim.Adam, {"weight_decay": 0.1}, {"wd": 0.1}),
    ("adamw", torch.optim.AdamW, {"weight_decay": 0.1}, {"wd": 0.1}),
    ("adamw", torch.optim.AdamW, {"weight_decay": 0.1, "amsgrad": True}, {"wd": 0.1, "amsgrad": True}),
    ("radam", torch.optim.RAdam, {}, {}),
]


def main() -> None:
    rng = np.random.default_rng(1)
    first = [rng.normal(size=shape) + 1j * rng.normal(size=shape) for shape in SHAPES]
    grads = [rng.normal(size=(STEPS, *shape)) + 1j * rng.normal(size=(STEPS, *shape)) for shape in SHAPES]
    arrays: dict[str, Any] = {f"w0/{k}": np.asarray(array) for k, array in enumerate(first)}
    arrays |= {f"g/{k}": grad for k, grad in enumerate(grads)}
    cases = []
    for number, (name, theirs, arguments, ours) in enumerate(CASES):
        weights = [torch.nn.Parameter(torch.tensor(array)) for array in first]
        optimizer = theirs(weights, lr=RATE, **arguments)  # type: ignore[call-arg]
        runs = []
        for at in range(STEPS):
            for weight, grad in zip(weights, grads, strict=True):
                weight.grad = torch.tensor(grad[at])
            optimizer.step()
            runs.append([weight.detach().numpy().copy() for weight in weights])
        arrays |= {f"{number}/{k}": np.stack(run) for k, run in enumerate(zip(*runs, strict=True))}
        cases.append({"name": name, "arguments": ours})
    np.savez_compressed(HERE / "complex.npz", **arrays)
    text = json.dumps({"oracle": f"torch-{torch.__version__.split('+')[0]}", "rate": RATE, "cases": cases}, indent=1)
    (HERE / "complex.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
