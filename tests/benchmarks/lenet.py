"""LeNet through ``mx.mod.Module`` and through torch: ``python tests/benchmarks/lenet.py``, on two threads.

The network: 20 and 50 filters of 5 x 5, tanh, 2 x 2 max pooling, 500 hidden units, 28 x 28 images, batches of 50,
trained by SGD. Groups of batches alternate between the two; a group is forward, backward and update of each batch.
Printed are the medians of the groups, in milliseconds a batch, and their ratio.
"""

from __future__ import annotations

import os

THREADS = 2
os.environ.setdefault("OPENBLAS_NUM_THREADS", str(THREADS))

import statistics  # noqa: E402  # the number of threads must be set before NumPy is loaded
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402

import mxcore as mx  # noqa: E402

BATCH, IN_A_GROUP, GROUPS, RATE = 50, 20, 7, 0.05
Batches = list[tuple[np.ndarray, np.ndarray]]


def lenet() -> mx.symbol.Symbol:
    """Return the network of MXNet's tutorials."""
    net = mx.symbol.Variable("data")
    for number, filters in enumerate((20, 50), 1):
        net = mx.symbol.Convolution(net, kernel=(5, 5), num_filter=filters, name=f"conv{number}")
        net = mx.symbol.Activation(net, act_type="tanh")
        net = mx.symbol.Pooling(net, pool_type="max", kernel=(2, 2), stride=(2, 2))
    net = mx.symbol.FullyConnected(mx.symbol.Flatten(net), num_hidden=500, name="fc1")
    net = mx.symbol.FullyConnected(mx.symbol.Activation(net, act_type="tanh"), num_hidden=10, name="fc2")
    return mx.symbol.SoftmaxOutput(net, name="softmax")


def of_module(batches: Batches) -> Callable[[], None]:
    """Return a function that trains a Module on each batch."""
    module = mx.mod.Module(lenet())
    module.bind([("data", (BATCH, 1, 28, 28))], [("softmax_label", (BATCH,))])
    mx.random.seed(1)
    module.init_params(mx.init.Xavier())
    module.init_optimizer(optimizer="sgd", optimizer_params={"learning_rate": RATE})
    held = [mx.io.DataBatch([x], [y.astype(np.float32)]) for x, y in batches]

    def group() -> None:
        for batch in held:
            module.forward_backward(batch)
            module.update()

    return group


def of_torch(batches: Batches) -> Callable[[], None]:
    """Return a function that trains torch's network on each batch."""
    nn = torch.nn
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.Tanh(), nn.MaxPool2d(2), nn.Conv2d(20, 50, 5), nn.Tanh(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(800, 500), nn.Tanh(), nn.Linear(500, 10),
    )  # fmt: skip
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE)
    loss = nn.CrossEntropyLoss()
    held = [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in batches]

    def group() -> None:
        for x, y in held:
            optimizer.zero_grad()
            loss(net(x), y).backward()
            optimizer.step()

    return group


def main() -> None:
    """Print the times."""
    torch.set_num_threads(THREADS)
    mx.set_num_threads(THREADS)
    rng = np.random.default_rng(0)
    batches = [
        (rng.normal(size=(BATCH, 1, 28, 28)).astype(np.float32), rng.integers(0, 10, BATCH)) for _ in range(IN_A_GROUP)
    ]
    entrants = {"mxcore": of_module(batches), "torch": of_torch(batches)}
    times: dict[str, list[float]] = {name: [] for name in entrants}
    for number in range(GROUPS + 1):
        for name, group in entrants.items():
            start = time.perf_counter()
            group()
            if number:  # the first group warms up
                times[name].append((time.perf_counter() - start) / IN_A_GROUP * 1e3)
    medians = {name: statistics.median(some) for name, some in times.items()}
    for name, milliseconds in medians.items():
        print(f"{name:8}{milliseconds:8.2f} ms a batch")
    print(f"{'ratio':8}{medians['mxcore'] / medians['torch']:8.2f}")


if __name__ == "__main__":
    main()
