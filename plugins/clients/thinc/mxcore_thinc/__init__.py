"""Optimizers, schedules and initializers of mxcore for thinc and spaCy, whose configurations name them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

import mxcore as mx
from mxcore.adapting import requires
from mxcore.random import Generator

with requires("thinc>=8.3"):
    from mxcore_thinc.optimizer import NAMES, Schedule, ThincOptimizer

__all__ = [
    "ThincOptimizer", "create_initializer", "create_namer", "create_optimizer", "create_schedule", "load",
    "name_parameters", "save",
]  # fmt: skip


def create_optimizer(name: str, arguments: Any = None, use_averages: bool = False) -> ThincOptimizer:
    """Create an optimizer; in a configuration, ``@optimizers = "mxcore.v1"``.

    Args:
        name: its name, such as ``"lion"`` or ``"lookahead(adamw, k=5)"``.
        arguments: its hyper-parameters, by name. Numbers may be thinc's schedules, which ``step_schedules()`` advances.
            Groups may be a list of pairs, ``[[".*b", {"wd": 0}]]``: a configuration cannot hold a dict of patterns.
        use_averages: whether to evaluate and save averages of the weights, as thinc's optimizers have them: the wrapper
            ``average`` with the decay min((1 + t) / (10 + t), 0.9999) at update t.
    """
    given = dict(arguments or {})
    if "groups" in given:
        given["groups"] = dict(given["groups"])
    if use_averages:
        name, given["beta"] = f"average({name})", lambda update: min((1 + update) / (10 + update), 0.9999)
    schedules = {key: given.pop(key) for key in list(given) if isinstance(given[key], (Iterator, Schedule))}
    return ThincOptimizer(lambda **first: mx.optimizer.create(name, **given, **first), schedules)


def create_schedule(name: str, arguments: Any = None) -> Any:
    """Create a schedule for any optimizer: a generator for thinc 8, a ``Schedule`` for thinc 9."""
    schedule = mx.lr_scheduler.create(name, **(arguments or {}))
    if Schedule is Iterator:
        return map(schedule, itertools.count(1))
    return Schedule(f"mxcore.{name}", lambda _, step, **__: schedule(step + 1))


def create_initializer(name: str, arguments: Any = None) -> Callable[..., Any]:
    """Create an initializer, which draws from NumPy's global random numbers, as thinc's do."""
    initializer = mx.init.create(name, **(arguments or {}))

    def initialize(ops: Any, shape: tuple[int, ...]) -> Any:
        rng = Generator(int.from_bytes(np.random.bytes(16), "little"))  # noqa: NPY002 - which spaCy seeds
        return ops.asarray_f(initializer.values(mx.init.InitDesc("weight"), shape, rng))

    return initialize


def create_namer() -> Callable[..., Any]:
    """Create a callback for ``[initialize.after_init]`` that gives the parameters of a pipeline their names."""
    return lambda nlp: (name_parameters(nlp), nlp)[1]


def name_parameters(model: Any) -> Mapping[tuple[int, str], str]:
    """Name the parameters of a model, or of a spaCy pipeline, for groups and files; return their names.

    thinc identifies a parameter by the number of its layer, which counts layers of the process. A name has the
    component, the position and name of the layer, and the parameter: ``tagger.3.softmax.W``.
    """
    found: dict[tuple[int, str], str] = {}
    for part, owner in model.pipeline if hasattr(model, "pipeline") else [("model", model)]:
        network: Any = owner if hasattr(owner, "walk") else getattr(owner, "model", None)
        for number, layer in enumerate(network.walk() if hasattr(network, "walk") else ()):
            for name in layer.param_names:
                found.setdefault((layer.id, name), f"{part}.{number}.{layer.name}.{name}")
    NAMES.update(found)
    return found


def save(path: str | os.PathLike[str], optimizer: ThincOptimizer, model: Any) -> None:
    """Write moments, counts and the position of schedules to one file, by the names of a model's parameters."""
    optimizer.know(name_parameters(model))
    mx.save_state(path, optimizer.updater, {"step": np.array(optimizer._step)})


def load(path: str | os.PathLike[str], optimizer: ThincOptimizer, model: Any) -> None:
    """Read what :func:`save` wrote, for a model or pipeline with the same layers, also in another process.

    Raises:
        ValueError: it does not fit; the message lists why, and nothing has changed.
    """
    optimizer.know(name_parameters(model))
    optimizer.go_to(int(mx.load_state(path, optimizer.updater, settings=False)["step"]))
