"""Which runs a comparison has: optimizers, learning rates and seeds."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

import mxcore as mx
from mxcore.commands.choice import Choice, ChoiceError, parse
from mxcore_module.compare.summary import Contestant
from mxcore_module.compare.trials import Trial
from mxcore_module.train.recipe import NO_SCHEDULER, Recipe
from mxcore_module.train.run import Settings

__all__ = ["EVERY", "first_trials", "further_trials", "installed"]

EVERY = "all"
"""The name that stands for every installed optimizer."""
SPAN = (0.1, 10**-0.5, 1, 10**0.5, 10)
"""The default learning rates, as multiples of an optimizer's own default."""
STEP, MOST = 10**0.5, 16
"""The ratio of rates that tuning tries next, and how many an optimizer has at most."""


@functools.cache  # since it tries each of them
def installed() -> tuple[list[str], dict[str, str]]:
    """Return the names of all optimizers that need only gradients and losses, and why each of the others cannot run.

    Wrappers are among neither: around which optimizer is for the user to say.
    """
    names, others = list[str](), dict[str, str]()
    records = mx.catalogue.records("optimizer")
    every = {record.name for record in records}
    for record in records:
        choice = Choice("optimizer", record.name)
        if record.status != "ok":
            others[record.name] = record.status
        elif choice.load().__name__.lower() in every - {record.name}:
            continue  # it is another name of that
        elif missing := choice.missing():
            if not issubclass(choice.load(), mx.optimizer.Wrapper):
                others[record.name] = f"it needs {', '.join(missing)}"
        elif reason := _refusal(choice):
            others[record.name] = reason
        else:
            names.append(record.name)
    return names, others


def _refusal(choice: Choice) -> str:
    """Return why an optimizer makes no update of a weight."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            update = mx.optimizer.get_updater(choice.create())
            update.optimizer.observe(1.0)
            update(["a_weight"], [np.ones((2, 2))], [np.ones((2, 2))])
    except Exception as error:  # whatever the author's code raises
        return str(error) or type(error).__name__
    return ""


def first_trials(options: Mapping[str, Any]) -> list[Trial]:
    """Return the runs that the options ask for, ordered by optimizer, learning rate and seed.

    Raises:
        ChoiceError: an optimizer is given twice, or an algorithm is written wrongly.
    """
    texts = [name for text in options["optimizers"] for name in (installed()[0] if text == EVERY else [text])]
    if repeated := [text for text in texts if texts.count(text) > 1]:
        raise ChoiceError(f"{repeated[0]!r} is given twice")
    choices = {text: Choice("optimizer", *parse(text.removeprefix("optimizer:"))) for text in texts}
    return [
        trial
        for label, choice in choices.items()
        for rate in options["rates"] or _rates(choice)
        for trial in _trials(label, choice, rate, options)
    ]


def _trials(label: str, choice: Choice, rate: float, options: Mapping[str, Any]) -> Iterator[Trial]:
    scheduler = options["lr_scheduler"]
    recipe = Recipe(
        attrs.evolve(choice, arguments={**choice.arguments, "learning_rate": rate}),
        Choice("initializer", *parse(options["initializer"])),
        None if scheduler.lower() == NO_SCHEDULER else Choice("lr_scheduler", *parse(scheduler)),
    )
    settings = Settings(recipe, options["hidden"], options["epochs"], options["batch_size"])
    for seed in range(1, options["seeds"] + 1):
        yield Trial(label, rate, seed, (options["data"], options["label"]), settings, options["problem"])


def _rates(choice: Choice) -> list[float]:
    middle = choice.create().learning_rate
    return [_rounded(middle * factor) for factor in SPAN]


def _rounded(rate: float) -> float:
    return float(f"{rate:.3g}")


def further_trials(contestants: Sequence[Contestant], options: Mapping[str, Any]) -> list[Trial]:
    """Return runs at the next rate of each optimizer whose best rate is at the end of those tried, or that has none."""
    found = list[Trial]()
    for one in contestants:
        rates = [at.rate for at in one.rates]
        end = (one.at_the_end or ("highest" if len(rates) == 1 else "")) if one.best else "lowest"
        if end and len(rates) < MOST:
            rate = rates[-1] * STEP if end == "highest" else rates[0] / STEP
            choice = Choice("optimizer", *parse(one.label.removeprefix("optimizer:")))
            found += _trials(one.label, choice, _rounded(rate), options)
    return found
