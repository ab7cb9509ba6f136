"""Record how torch's L-BFGS with a strong-Wolfe line search minimizes functions: ``python tools/record_lbfgs.py``.

Each case has a function by name, with its data, and the variables and values after each step from the same start.
"""

import importlib.metadata
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

HERE = Path(__file__).parent.parent / "tests" / "golden" / "modern"
STEPS = 20


def rosenbrock(x: Any, _: Any) -> Any:
    """Return the value of Rosenbrock's function, in pairs of variables."""
    a, b = x[::2], x[1::2]
    return ((1 - a) ** 2 + 100 * (b - a**2) ** 2).sum()


def least_squares(x: Any, data: Any) -> Any:
    """Return half of a sum of squares."""
    return 0.5 * ((data[0] @ x - data[1]) ** 2).sum()


def logistic(x: Any, data: Any) -> Any:
    """Return the mean loss of a logistic regression with labels of 1 and -1, and a penalty."""
    margins = data[1] * (data[0] @ x)
    return torch.nn.functional.softplus(-margins).mean() + 0.005 * (x * x).sum()


def minimized(function: Callable[[Any, Any], Any], first: Any, data: Any, size: int) -> tuple[Any, Any]:
    """Return the variables and values after each step."""
    given = [torch.tensor(one) for one in data]
    x = torch.nn.Parameter(torch.tensor(first))
    # With one iteration per call, only gradients at the starts of steps end a run early.
    optimizer = torch.optim.LBFGS(
        [x], max_iter=1, max_eval=100, tolerance_grad=0, tolerance_change=1e-14, history_size=size,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure() -> Any:
        optimizer.zero_grad()
        value = function(x, given)
        value.backward()
        return value

    path, values = [], []
    for _ in range(STEPS):
        optimizer.step(closure)
        path.append(x.detach().numpy().copy())
        values.append(float(function(x.detach(), given)))
    return np.stack(path), np.array(values)


def main() -> None:
    """Record all cases."""
    arrays: dict[str, Any] = {}
    index: list[dict[str, Any]] = []
    rng = np.random.default_rng(1)
    table = rng.normal(size=(30, 6)) * np.array([1.0, 3.0, 0.3, 1.0, 5.0, 0.1])
    labels = np.sign(table @ rng.normal(size=6) + rng.normal(size=30))
    functions: dict[str, tuple[Any, Any, list[Any]]] = {
        "rosenbrock": (rosenbrock, np.array([-1.2, 1.0, 0.5, 2.0]), []),
        "least_squares": (least_squares, np.ones(6), [table, rng.normal(size=30)]),
        "logistic": (logistic, np.zeros(6), [table, labels]),
    }
    for dtype, tolerance in (("float32", 1e-4), ("float64", 1e-8)):
        for name, (function, first, data) in functions.items():
            for size in (3, 10):
                key = f"lbfgs_{name}_{size}_{dtype}"
                given = [one.astype(dtype) for one in data]
                path, values = minimized(function, first.astype(dtype), given, size)
                # In float32, later steps depend on roundings.
                steps = STEPS if dtype == "float64" else 8
                found: dict[str, Any] = {"x0": first.astype(dtype), "x": path[:steps], "value": values[:steps]}
                found |= {f"data/{k}": one for k, one in enumerate(given)}
                arrays |= {f"{key}/{place}": one for place, one in found.items()}
                case: dict[str, Any] = {"id": key, "kind": "minimize", "class": "LBFGS", "function": name}
                case |= {
                    "kwargs": {"history_size": size},
                    "oracle": f"torch-{importlib.metadata.version('torch')} LBFGS",
                }
                case |= {"dtype": dtype, "steps": steps, "rtol": tolerance, "atol": tolerance}
                index.append({**case, "file": "modern/lbfgs.npz", "keys": list(found)})
    np.savez_compressed(HERE / "lbfgs.npz", **arrays)
    text = {"format": "see tools/record_lbfgs.py", "cases": index}
    (HERE / "lbfgs.json").write_text(json.dumps(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
