"""How long learning from streams takes in river with mxcore's Adam and with river's own, interleaved.

Prints for each model and data set the median times of a run, and of a step of the optimizer alone, with their ratios,
and both scores. Needs the group clients: ``python tests/benchmarks/river_step.py``.
"""

import random
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from river import datasets, facto, linear_model, metrics, optim, preprocessing

import mxcore as mx

REPEATS = 7
RATE = 0.01
OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "river": lambda: optim.Adam(RATE),
    "mxcore": lambda: mx.river.Optimizer("adam", RATE),
}


def words(count: int = 1500, vocabulary: int = 2000) -> Iterator[tuple[dict[str, float], bool]]:
    """Yield bags of 5 to 40 words, each document with others, as a model of texts sees them."""
    rng = random.Random(0)
    for _ in range(count):
        found = {f"word{int(vocabulary * rng.random() ** 3)}": 1.0 for _ in range(rng.randint(5, 40))}
        yield found, sum(hash_of(word) for word in found) > 0


def hash_of(word: str) -> int:
    """Return the weight that makes a word count for one class or the other."""
    return int(word.removeprefix("word")) * 7919 % 5 - 2


def cases() -> dict[str, tuple[Callable[[Any], Any], Iterable[Any], Callable[[], Any]]]:
    """Return models by name, each with a stream and its metric."""
    scaler, linear, votes = preprocessing.StandardScaler, linear_model, list(datasets.TrumpApproval())
    phishing, segments, bags = list(datasets.Phishing()), list(datasets.ImageSegments()), list(words())
    return {
        "Phishing, LogisticRegression": (
            lambda one: scaler() | linear.LogisticRegression(one), phishing, metrics.Accuracy
        ),
        "ImageSegments, SoftmaxRegression": (
            lambda one: scaler() | linear.SoftmaxRegression(one), segments, metrics.Accuracy
        ),
        "TrumpApproval, LinearRegression": (
            lambda one: scaler() | linear.LinearRegression(one, intercept_lr=0.1), votes, metrics.MAE
        ),
        "TrumpApproval, FMRegressor": (
            lambda one: scaler() | facto.FMRegressor(8, one, one.clone(), seed=1), votes, metrics.MAE
        ),
        "bags of words, LogisticRegression": (lambda one: linear.LogisticRegression(one), bags, metrics.Accuracy),
    }  # fmt: skip


def run(model: Any, optimizer: Any, stream: Iterable[Any], metric: Any) -> tuple[float, float, float]:
    """Learn from a stream; return the seconds in all, the median microseconds of a step, and the score."""
    taken: list[float] = []
    cls, own = type(optimizer), type(optimizer).step

    def step(self: Any, w: Any, g: Any) -> Any:
        start = time.perf_counter()
        found = own(self, w, g)
        taken.append((time.perf_counter() - start) * 1e6)
        return found

    cls.step = step
    try:
        start = time.perf_counter()
        for x, y in stream:
            predicted = model.predict_one(x)
            if predicted is not None:
                metric.update(y, predicted)
            model.learn_one(x, y)
        return time.perf_counter() - start, statistics.median(taken), metric.get()
    finally:
        cls.step = own


def main() -> None:
    """Print the table."""
    print(f"{'':38}{'river':>9}{'mxcore':>9}{'ratio':>7}   {'step':>9}{'mxcore':>9}{'ratio':>7}   scores")
    for name, (make, stream, metric) in cases().items():
        times: dict[str, list[tuple[float, float, float]]] = {key: [] for key in OPTIMIZERS}
        for _ in range(REPEATS):
            for key, create in OPTIMIZERS.items():
                optimizer = create()
                times[key].append(run(make(optimizer), optimizer, stream, metric()))
        columns = {key: list(map(statistics.median, zip(*found, strict=True))) for key, found in times.items()}
        total, steps = ({key: found[place] for key, found in columns.items()} for place in (0, 1))
        scores = [times[key][0][2] for key in OPTIMIZERS]
        print(
            f"{name:38}{total['river']:8.3f}s{total['mxcore']:8.3f}s{total['mxcore'] / total['river']:7.2f}   "
            f"{steps['river']:7.1f}µs{steps['mxcore']:7.1f}µs{steps['mxcore'] / steps['river']:7.2f}   "
            f"{scores[0]:.4f} {scores[1]:.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
