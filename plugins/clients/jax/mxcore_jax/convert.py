"""States of transformations and those of updaters, from one to the other; and evaluation weights."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

import mxcore as mx
from mxcore.adapting import requires
from mxcore.exchange import read_state, write_state
from mxcore_jax.emit import compute, run_together
from mxcore_jax.numbers import joined, split
from mxcore_jax.plan import Leaf, rows_of
from mxcore_jax.transform import MASTER, State, Transformation, leaves_of, narrowed, reals

with requires("jax>=0.10"):
    import jax
    import jax.numpy as jnp

__all__ = ["evaluation_weights", "from_updater", "to_updater"]


def evaluation_weights(tx: Transformation, state: Any, params: Any) -> Any:
    """Return the parameters to evaluate and deploy: those that are trained, or for some optimizers others.

    >>> import jax.numpy as jnp, mxcore as mx, optax
    >>> tx, params = mx.jax.transformation("average(sgd)", learning_rate=0.01, beta=0.5), jnp.zeros(1)
    >>> state = tx.init(params)
    >>> for _ in range(2):
    ...     updates, state = tx.update(jnp.array([-100.0]), state, params)
    ...     params = optax.apply_updates(params, updates)
    >>> mx.jax.evaluation_weights(tx, state, params), params
    (Array([1.5], dtype=float32), Array([2.], dtype=float32))

    Args:
        tx: the transformation.
        state: its state, or one of a chain that contains it.
        params: the parameters.
    """
    found = _own(state)
    with jax.enable_x64(True):
        arrays, structure = jax.tree.flatten(params)
        slots = {name: structure.flatten_up_to(one) for name, one in found.slots.items()}
        new = []
        leaves = leaves_of(tx.reader, params)
        for place, (leaf, array, row) in enumerate(zip(leaves, arrays, rows_of(leaves), strict=True)):
            graph = leaf.parameter.evaluation
            if graph is None or leaf.frozen:
                new.append(array)
                continue
            given = dict(_kept(leaf, (place, row), slots, found))
            given["weight"] = given.pop(MASTER, array)
            given = {
                name: reals(leaf, one) if name in slots or name == "weight" else one for name, one in given.items()
            }
            result = run_together([compute(graph, given, leaf.shape, leaf.ndim, {}, whole=True)])[0]
            new.append(narrowed(leaf, result.weight, array))
        return structure.unflatten(new)


def to_updater(tx: Transformation, state: Any, params: Any) -> mx.optimizer.Updater[Any]:
    """Return an updater that continues where a transformation is, such as to save it with :func:`mxcore.save_state`.

    >>> import jax.numpy as jnp, mxcore as mx, numpy as np
    >>> tx, params = mx.jax.transformation("adam"), {"w": jnp.ones(2)}
    >>> _, state = tx.update(params, tx.init(params), params)
    >>> updater = mx.jax.to_updater(tx, state, params)
    >>> updater.states["w"][0]
    array([0.1, 0.1], dtype=float32)

    Args:
        tx: the transformation.
        state: its state, or one of a chain that contains it.
        params: the parameters.
    """
    found, optimizer = _own(state), copy.deepcopy(tx.optimizer)
    arrays, structure = jax.tree.flatten(params)
    slots = {name: structure.flatten_up_to(one) for name, one in found.slots.items()}
    updater = mx.optimizer.get_updater(optimizer)
    leaves = leaves_of(tx.reader, params)
    optimizer.set_wd_mult(dict(tx.optimizer.wd_mult))
    count = int(found.count)
    with jax.enable_x64(True):
        for place, (leaf, array, row) in enumerate(zip(leaves, arrays, rows_of(leaves), strict=True)):
            if not leaf.frozen:
                kept = {name: _on_host(one) for name, one in _kept(leaf, (place, row), slots, found)}
                write_state(updater, leaf.index, array, count, kept)
    return updater


def from_updater(tx: Transformation, updater: Any, params: Any) -> State:
    """Return the state with which a transformation continues where an updater is.

    >>> import jax.numpy as jnp, mxcore as mx, numpy as np
    >>> updater, weight = mx.optimizer.get_updater(mx.optimizer.create("adam")), np.ones(2, "float32")
    >>> updater("w", np.ones(2, "float32"), weight)
    >>> mx.jax.from_updater(mx.jax.transformation("adam"), updater, {"w": jnp.asarray(weight)}).slots["mean"]
    {'w': Array([0.1, 0.1], dtype=float32)}

    Args:
        tx: a transformation of the same optimizer.
        updater: the updater, whose parameters have the paths of ``params``.
        params: the parameters.

    Raises:
        ValueError: a parameter is missing or has other slots, some parameters were updated more often than
            others, or have other numbers.
    """
    arrays, structure = jax.tree.flatten(params)
    state = tx.init(params)
    slots = {name: structure.flatten_up_to(one) for name, one in state.slots.items()}
    numbers = {name: np.array(one) for name, one in state.numbers.items()}
    shared, counts = dict(state.shared), set()
    leaves, filled = leaves_of(tx.reader, params), dict[Any, float]()
    for place, (leaf, array, row) in enumerate(zip(leaves, arrays, rows_of(leaves), strict=True)):
        if leaf.frozen:
            continue
        if leaf.index not in updater.states:
            raise ValueError(f"the updater has no parameter {leaf.index!r}: it has {[*updater.states]}")
        count, kept = read_state(updater, leaf.index, array)
        _check_same(leaf, kept, array)
        counts.add(count)
        for name, value in kept.items():
            if name in numbers:
                if filled.setdefault((name, row), value) != value:
                    raise ValueError(
                        f"{name!r} of parameter {leaf.index!r} is {value}, but {filled[name, row]} of others"
                    )
                numbers[name][row] = split(value)
            elif name in shared:
                shared[name] = split(value)
            else:
                slots[name][place] = jnp.array(value)
    if len(counts) > 1:
        raise ValueError(f"all parameters must have been updated equally often, got the counts {sorted(counts)}")
    return State(
        jnp.asarray(counts.pop() if counts else int(state.count), jnp.int32),
        {name: structure.unflatten(one) for name, one in slots.items()},
        {name: jnp.asarray(one) for name, one in numbers.items()},
        shared,
        state.noise,
    )


def _check_same(leaf: Leaf, kept: Mapping[str, Any], array: Any) -> None:
    wanted = {*leaf.slots, *([MASTER] if leaf.has_master else [])}
    if kept.keys() != wanted:
        raise ValueError(f"parameter {leaf.index!r} has the slots {sorted(kept)}, but needs {sorted(wanted)}")
    for name, value in kept.items():
        if not isinstance(value, float) and value.shape != array.shape:
            raise ValueError(f"slot {name!r} of parameter {leaf.index!r} has shape {value.shape}, not {array.shape}")


def _own(state: Any) -> State:
    """Return the state of a transformation within that of a chain."""
    found: list[State] = [one for one in jax.tree.leaves(state, is_leaf=_is_own) if _is_own(one)]
    if len(found) != 1:
        raise ValueError(f"expected one state of mx.jax.transformation, found {len(found)} in {type(state).__name__}")
    return found[0]


def _is_own(one: Any) -> bool:
    return isinstance(one, State)


def _kept(leaf: Leaf, at: tuple[int, int], slots: Mapping[str, Any], state: State) -> Iterator[tuple[str, Any]]:
    """Yield what a state has for a parameter: slots and float64 numbers, by name."""
    place, row = at
    if leaf.has_master:
        yield MASTER, slots[MASTER][place]
    for name, slot in leaf.slots.items():
        if not slot.on_host:
            yield name, slots[name][place]
        else:
            yield name, joined(state.shared[name] if slot.of_model else state.numbers[name][row])


def _on_host(value: Any) -> Any:
    return float(value) if value.dtype == np.float64 and not value.ndim else np.array(value)
