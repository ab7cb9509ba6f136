"""Optimizers on their way to another process: as the name and settings of installed classes, or pickled if trusted."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

from ray import cloudpickle

import mxcore as mx
from mxcore.catalogue.registry import registry_for
from mxcore.optimizer import Optimizer
from mxcore.state.manifest import describe


class Packed(NamedTuple):
    """An optimizer that can be sent."""

    summary: str
    """Its class, settings, counts and names of parameters as JSON, by which two optimizers are compared."""
    classes: tuple[tuple[str, str], ...]
    """Kind and name of each class to import."""
    names: dict[Any, str]
    """The names of parameters by index."""
    data: bytes
    """Its manifest, or a pickle."""
    pickled: bool
    """Whether it is a pickle."""


class _Unknown(Optimizer):
    """What a manifest is restored in place of."""


def pack(optimizer: Any, trust: bool = False) -> Packed:
    """Pack an optimizer.

    >>> import mxcore as mx
    >>> packed = pack(mx.optimizer.create("adam", learning_rate=0.5))
    >>> packed.classes, packed.pickled, unpack(packed).optimizer.lr
    ((('optimizer', 'adam'),), False, 0.5)

    Args:
        optimizer: the optimizer.
        trust: whether it may be pickled if name and settings do not suffice.

    Raises:
        ValueError: name and settings do not suffice, and ``trust`` is not set.
    """
    described = describe(optimizer)
    names = dict(optimizer.idx2name)
    summary = json.dumps([described, [[repr(index), name] for index, name in names.items()]], sort_keys=True)
    found = list(_classes(described, "optimizer"))
    strangers = [name for _, name, distribution in found if distribution is None]
    classes = tuple(dict.fromkeys((kind, name) for kind, name, _ in found))
    why = f"{strangers[0]!r} is not in an installed distribution" if strangers else ""
    if not why:
        data = mx.optimizer.get_updater(optimizer).get_states(dump_optimizer=True)
        packed = Packed(summary, classes, names, data, pickled=False)
        try:
            why = "" if describe(unpack(packed).optimizer) == described else "some of its settings cannot be sent"
        except ValueError as error:
            why = str(error)
        if not why:
            return packed
    if not trust:
        raise ValueError(
            f"{type(optimizer).__name__} cannot be sent to the servers by name and settings: {why}. Pass trust=True to "
            "mx.kv.create to send it pickled, which runs its code there"
        )
    return Packed(summary, (), names, cloudpickle.dumps(optimizer), pickled=True)


def unpack(packed: Packed, trust: bool = False) -> Any:
    """Return an updater with the optimizer.

    Args:
        packed: the optimizer.
        trust: whether a pickle is loaded.

    Raises:
        mxcore.catalogue.PluginError: a class is not installed here.
        ValueError: it cannot be created from its settings, or is a pickle that is not trusted.
    """
    if packed.pickled and not trust:
        raise ValueError("the optimizer is pickled, and this job does not have trust=True")
    if packed.pickled:
        return mx.optimizer.get_updater(cloudpickle.loads(packed.data))
    for kind, name in packed.classes:
        registry_for(kind).get(name)
    updater = mx.optimizer.get_updater(_Unknown(param_idx2name=packed.names))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that its settings are those of the manifest
        updater.set_states(packed.data)
    return updater


def _classes(described: dict[str, Any], kind: str) -> Iterator[tuple[str, str, str | None]]:
    """Yield kind, name and distribution of each class in a manifest."""
    yield kind, described["name"], described["distribution"]
    if described.get("schedule"):
        yield from _classes(described["schedule"], "lr_scheduler")
    for inner in described.get("wrapped", {}).values():
        yield from _classes(inner, "optimizer")
    if kind == "lr_scheduler":
        for inner in described.get("parts", {}).values():
            yield from _classes(inner, "lr_scheduler")
