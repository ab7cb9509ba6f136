"""The output of a training run: a folder with its measurements, curves, settings and models."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from mxcore.state.atomic import write_atomically
from mxcore.step import WRAPPED
from mxcore_module.train.errors import InputError
from mxcore_module.train.plot import draw_curves
from mxcore_module.train.recipe import Recipe, describe
from mxcore_module.train.run import Measure, Training, Update

if TYPE_CHECKING:
    from mxcore_module.train.data import Dataset

__all__ = [
    "CONFIG",
    "MODEL",
    "RunFolder",
    "as_json",
    "configuration",
    "described",
    "free_folder",
    "last_saved",
    "versions",
]

CONFIG, METRICS, CURVES, MODEL, BEST = "config.json", "metrics.csv", "curves.png", "model", "best"
MODELS = tuple(f"{name}-{end}" for name in (MODEL, BEST) for end in ("symbol.json", "[0-9]*.params", "[0-9]*.states"))
OWN_FILES = (CONFIG, METRICS, CURVES, *MODELS)


def free_folder(name: str, parent: Path = Path("mxcore-runs")) -> Path:
    """Return a new folder for a run: ``name``, else ``name-2``, and so on."""
    path, number = parent / name, 1
    while path.exists():
        number += 1
        path = parent / f"{name}-{number}"
    return path


class RunFolder:
    """The folder of a run, with its ``metrics.csv`` open for writing.

    The files of an earlier run are removed first, so that no folder mixes two runs; other files stay.

    Args:
        path: the folder, which is created if necessary.
        score_name: the name of the score.
        kept: how many updates of the run in the folder to keep in order to resume it; None to start a new one.

    Attributes:
        replaced: whether there was an earlier run.
        history: the updates as in ``metrics.csv``, rounded, so that a resumed run has the same values.

    Raises:
        InputError: it cannot be created or written to, or ``metrics.csv`` lacks one of the updates to keep.
    """

    def __init__(self, path: Path, score_name: str = "accuracy", kept: int | None = None) -> None:
        self.path = path
        self.score_name = score_name
        try:
            path.mkdir(parents=True, exist_ok=True)
            earlier = [] if kept is not None else self.files()
            for file in earlier:
                file.unlink()
            self.history = self._read(kept) if kept else []
            scores = ("loss", score_name, "learning_rate", "validation_loss", f"validation_{score_name}")
            head = f"update,epoch,{','.join(scores)}\n"
            write_atomically(path / METRICS, (head + "".join(map(_line, self.history))).encode())
            # Line-buffered, so that a stopped run leaves its measurements.
            self._metrics: IO[str] = (path / METRICS).open("a", buffering=1, encoding="utf-8", newline="\n")
        except OSError as error:
            raise InputError(f"cannot write to the folder {str(path)!r}: {error.strerror or error}") from None
        self.replaced = bool(earlier)

    def __enter__(self) -> Self:
        """Return the folder itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close ``metrics.csv``."""
        self._metrics.close()

    def _read(self, count: int) -> list[Update]:
        with (self.path / METRICS).open(encoding="utf-8", newline="") as file:
            try:
                found = [_update(cells) for cells in islice(csv.reader(file), 1, count + 1)]
            except (ValueError, csv.Error):
                found = []
        if [update.number for update in found] != [*range(1, count + 1)]:
            raise InputError(f"{self.path / METRICS} lacks some of the {count} updates of the saved model")
        return found

    def add(self, update: Update) -> None:
        """Write a line of ``metrics.csv`` in a fixed format without times, so that equal runs give equal bytes."""
        line = _line(update)
        self.history.append(_update(line.rstrip().split(",")))
        self._metrics.write(line)

    def write_config(self, config: dict[str, Any]) -> None:
        """Write ``config.json``."""
        write_atomically(self.path / CONFIG, as_json(config).encode())

    def draw(self, title: str) -> None:
        """Write ``curves.png``, if there is anything to draw."""
        if self.history:
            draw_curves(self.path / CURVES, self.history, title, self.score_name)

    @property
    def best_epoch(self) -> int:
        """The epoch with the best validation score, or of equal ones with the lowest loss; 0 before the first."""
        measured = [update for update in self.history if update.validation]
        return min(measured, key=self._rank).epoch if measured else 0

    def _rank(self, update: Update) -> tuple[float, float]:
        loss, score = (update.validation.loss, update.validation.score) if update.validation else (math.nan, math.nan)
        rank = (-score if self.score_name == "accuracy" else score, loss)
        return (math.inf, math.inf) if any(map(math.isnan, rank)) else rank

    def save_model(self, training: Training, epoch: int) -> None:
        """Write the network, its parameters and the optimizer's state, and another copy if it is the best so far.

        The files that these replace are removed last, so that a run killed at any point leaves a model to resume from.
        """
        os.fsync(self._metrics.fileno())
        best = self.best_epoch
        if best == epoch:
            with training.module.evaluating():  # the weights that did best, which an average is, too
                training.module.save_checkpoint(str(self.path / BEST), epoch)
        training.module.save_checkpoint(str(self.path / MODEL), epoch, save_optimizer_states=True)
        current = {f"{MODEL}-{epoch:04d}", f"{BEST}-{best:04d}", f"{MODEL}-symbol", f"{BEST}-symbol"}
        for file in self._existing(MODELS):
            if file.stem not in current:
                file.unlink()

    def files(self) -> list[Path]:
        """Return the files that the run has written."""
        return self._existing(OWN_FILES)

    def _existing(self, patterns: Iterable[str]) -> list[Path]:
        return sorted(file for pattern in patterns for file in self.path.glob(pattern))


def last_saved(path: Path) -> int:
    """Return the last epoch for which the folder has a complete model with the optimizer's state, or 0."""
    return max(_epochs(path, "params") & _epochs(path, "states"), default=0)


def _epochs(path: Path, suffix: str) -> set[int]:
    names = [re.fullmatch(rf"{MODEL}-(\d+)\.{suffix}", file.name) for file in path.glob(f"{MODEL}-*")]
    return {int(name[1]) for name in names if name}


def _line(update: Update) -> str:
    measures = [*_cells(update.batch), f"{update.learning_rate:.8g}", *_cells(update.validation)]
    return f"{update.number},{update.epoch},{','.join(measures)}\n"


def _cells(measure: Measure | None) -> tuple[str, str]:
    return ("", "") if measure is None else (f"{measure.loss:.6g}", f"{measure.score:.6g}")


def _update(cells: list[str]) -> Update:
    """Parse a line as an update."""
    number, epoch, loss, score, rate, *held_out = cells
    validation = Measure(*map(float, held_out)) if all(held_out) else None
    return Update(int(number), int(epoch), Measure(float(loss), float(score)), float(rate), validation)


def as_json(config: dict[str, Any]) -> str:
    """Format a configuration for ``config.json``; other objects become strings without memory addresses."""

    def plain(value: Any) -> Any:
        return {**value} if isinstance(value, Mapping) else re.sub(r" at 0x[0-9a-f]+", "", str(value))

    return json.dumps(config, indent=2, default=plain, ensure_ascii=False) + "\n"


def configuration(training: Training, options: dict[str, Any], seed: int) -> dict[str, Any]:
    """Describe a run: the options as given, the resulting settings, and the versions of everything involved.

    Args:
        training: the run, before its first update.
        options: the given options, by name.
        seed: the seed.
    """
    dataset = training.dataset
    algorithms = described(training.recipe, training.optimizer, training.initializer)
    return {
        "options": options,
        "seed": seed,
        "data": {
            "name": dataset.name,
            "training_rows": len(dataset.train),
            "validation_rows": len(dataset.validation),
            "features": dataset.train.x.shape[1],
            "classes": list(dataset.classes) or None,
            "digest": _digest(dataset),
        },
        "network": {"hidden": list(training.hidden), "parameters": training.parameters},
        "epochs": training.epochs,
        "batch_size": training.batch_size,
        "updates": training.total_updates // training.batches_per_update,
        **algorithms,
        "versions": versions(algorithms),
    }


def described(recipe: Recipe, optimizer: Any, initializer: Any = None) -> dict[str, Any]:
    """Describe the algorithms of a run, each as a dict, or None if there is none."""
    return {
        "optimizer": describe(recipe.optimizer, optimizer),
        "initializer": describe(recipe.initializer, initializer) if initializer else None,
        "lr_scheduler": describe(recipe.lr_scheduler, optimizer.lr_scheduler) if recipe.lr_scheduler else None,
    }


def versions(algorithms: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the versions of everything that a run with these algorithms depends on."""
    plugins = {name for found in algorithms.values() if found for name in _distributions(found)}
    names = ["mxcore", "mxcore-module", *sorted(plugins)]
    return {"python": platform.python_version(), **_versions(names)}


def _digest(dataset: Dataset) -> str:
    """Return a hash of all rows, with which a resumed run checks that they are the same."""
    arrays = [array for part in (dataset.train, dataset.validation) for array in (part.x, part.y)]
    return hashlib.blake2b(b"".join(array.tobytes() for array in arrays), digest_size=16).hexdigest()


def _distributions(described: Mapping[str, Any]) -> Iterator[str]:
    """Yield the distribution of an algorithm, and those of the optimizers that it wraps."""
    yield described["distribution"]
    if isinstance(wrapped := described["hyperparameters"].get(WRAPPED), dict):
        yield from _distributions(wrapped)


def _versions(distributions: Iterable[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in (*distributions, "numpy", "scikit-learn"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # run from a source tree
            found[name] = None
    return found
