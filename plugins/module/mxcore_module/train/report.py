"""What a training run leaves behind: a folder with its measurements, its curves, its settings and its model."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from mxcore.state.atomic import write_atomically
from mxcore_module.train.errors import InputError
from mxcore_module.train.plot import draw_curves
from mxcore_module.train.recipe import describe

if TYPE_CHECKING:
    from mxcore_module.train.run import Measure, Training, Update

__all__ = ["RunFolder", "configuration", "free_folder"]

CONFIG, METRICS, CURVES, MODEL = "config.json", "metrics.csv", "curves.png", "model"
OWN_FILES = (CONFIG, METRICS, CURVES, f"{MODEL}-symbol.json", f"{MODEL}-[0-9]*.params", f"{MODEL}-[0-9]*.states")


def free_folder(name: str, parent: Path = Path("mxcore-runs")) -> Path:
    """A folder for a run that does not exist yet: ``name``, else ``name-2``, and so on."""
    path, number = parent / name, 1
    while path.exists():
        number += 1
        path = parent / f"{name}-{number}"
    return path


class RunFolder:
    """The folder of one run, with its ``metrics.csv`` open for writing.

    The files of an earlier run there are removed first, so that no folder mixes two runs; other files stay.

    Args:
        path: the folder; made if it is not there.

    Attributes:
        replaced: whether there was an earlier run.

    Raises:
        InputError: if it cannot be made or written to.
    """

    def __init__(self, path: Path, score_name: str = "accuracy") -> None:
        self.path = path
        self.score_name = score_name
        self.history: list[Update] = []
        try:
            path.mkdir(parents=True, exist_ok=True)
            earlier = [file for pattern in OWN_FILES for file in path.glob(pattern)]
            for file in earlier:
                file.unlink()
            # Line by line, so that a run which is stopped leaves what it has measured.
            self._metrics: IO[str] = (path / METRICS).open("w", buffering=1, encoding="utf-8", newline="\n")
        except OSError as error:
            raise InputError(f"cannot write to the folder {str(path)!r}: {error.strerror or error}") from None
        self.replaced = bool(earlier)
        scores = ("loss", score_name, "learning_rate", "validation_loss", f"validation_{score_name}")
        self._metrics.write(f"update,epoch,{','.join(scores)}\n")

    def __enter__(self) -> Self:
        """The folder itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close ``metrics.csv``."""
        self._metrics.close()

    def add(self, update: Update) -> None:
        """Write a line of ``metrics.csv``: a fixed format and no times, so that equal runs give equal bytes."""
        self.history.append(update)
        measures = [*_cells(update.batch), f"{update.learning_rate:.8g}", *_cells(update.validation)]
        self._metrics.write(f"{update.number},{update.epoch},{','.join(measures)}\n")

    def write_config(self, config: dict[str, Any]) -> None:
        """Write ``config.json``."""
        text = json.dumps(config, indent=2, default=str, ensure_ascii=False) + "\n"
        write_atomically(self.path / CONFIG, text.encode())

    def draw(self, title: str) -> None:
        """Write ``curves.png``, if there is anything to draw."""
        if self.history:
            draw_curves(self.path / CURVES, self.history, title, self.score_name)

    def save_model(self, training: Training) -> None:
        """Write the network, its parameters and the optimizer's state, under the number of the last epoch."""
        training.module.save_checkpoint(str(self.path / MODEL), training.epochs, save_optimizer_states=True)

    def files(self) -> list[Path]:
        """What the run has written."""
        return sorted(file for pattern in OWN_FILES for file in self.path.glob(pattern))


def _cells(measure: Measure | None) -> tuple[str, str]:
    return ("", "") if measure is None else (f"{measure.loss:.6g}", f"{measure.score:.6g}")


def configuration(training: Training, options: dict[str, Any], seed: int) -> dict[str, Any]:
    """What ran: the options as given, what they came to, and the versions of everything that took part.

    Args:
        training: the run, before its first update.
        options: the options as they were given, by name.
        seed: the seed.
    """
    recipe, optimizer, dataset = training.recipe, training.optimizer, training.dataset
    algorithms = {
        "optimizer": describe(recipe.optimizer, optimizer),
        "initializer": describe(recipe.initializer, training.initializer),
        "lr_scheduler": describe(recipe.lr_scheduler, optimizer.lr_scheduler) if recipe.lr_scheduler else None,
    }
    plugins = {found["distribution"] for found in algorithms.values() if found}
    return {
        "options": options,
        "seed": seed,
        "data": {
            "name": dataset.name,
            "training_rows": len(dataset.train),
            "validation_rows": len(dataset.validation),
            "features": dataset.train.x.shape[1],
            "classes": list(dataset.classes) or None,
        },
        "network": {"hidden": list(training.hidden), "parameters": training.parameters},
        "epochs": training.epochs,
        "batch_size": training.batch_size,
        "updates": training.total_updates,
        **algorithms,
        "versions": {"python": platform.python_version(), **_versions(["mxcore", "mxcore-module", *sorted(plugins)])},
    }


def _versions(distributions: Iterable[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in (*distributions, "numpy", "scikit-learn"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # run from a source tree
            found[name] = None
    return found
