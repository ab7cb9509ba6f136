"""The transformation: the graphs of all parameters, over a tree of arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mxcore.adapting import requires
from mxcore_jax.emit import ABSENT, Computation, Memo, Outputs, compute, run_together
from mxcore_jax.noise import key_words, philox_normal
from mxcore_jax.numbers import column, joined, split
from mxcore_jax.plan import Leaf, Reader, created, rows_of
from mxcore_jax.schedules import traced

with requires("jax>=0.10"):
    import jax
    import jax.numpy as jnp

with requires("optax>=0.2.8"):
    import optax

__all__ = ["MASTER", "State", "Transformation", "leaves_of", "narrowed", "reals", "transformation"]

MASTER = "master"
"""Where the slots of a state have the float32 copies of half-precision parameters."""


class State(NamedTuple):
    """The state of a transformation.

    Attributes:
        count: how many updates there were.
        slots: for each slot, arrays in the structure of the parameters; None where a parameter has no such slot.
        numbers: for each slot that is a number, rows of two float32, whose sum it is in double precision: one row for
            the parameters with the same settings, or for each parameter if the number depends on its elements.
        shared: the same for numbers that all parameters share, without rows.
        noise: the keys of the noise: one row for each parameter, or the data of a JAX key; None without noise.
    """

    count: Any
    slots: Mapping[str, Any]
    numbers: Mapping[str, Any]
    shared: Mapping[str, Any]
    noise: Any = None


class Transformation(optax.GradientTransformationExtraArgs):
    """An ``optax.GradientTransformationExtraArgs`` that knows its optimizer."""

    reader: Reader

    @property
    def optimizer(self) -> Any:
        """The optimizer whose rule this is; assignments to it change nothing here."""
        return self.reader.optimizer


def transformation(optimizer: Any, /, *, key: Any = None, **arguments: Any) -> Transformation:
    """Return an optimizer as an optax transformation.

    >>> import jax, jax.numpy as jnp, mxcore as mx, optax
    >>> tx = mx.jax.transformation("adamw", learning_rate=0.1, wd=0.01, groups={".*bias": {"wd": 0}})
    >>> params = {"fc": {"kernel": jnp.ones((2, 3)), "bias": jnp.ones(3)}}
    >>> state = tx.init(params)
    >>> updates, state = jax.jit(tx.update)(params, state, params)
    >>> params = optax.apply_updates(params, updates)
    >>> round(float(params["fc"]["bias"][0]), 3), round(float(params["fc"]["kernel"][0, 0]), 3)
    (0.9, 0.899)

    Args:
        optimizer: a name, such as ``"lion"`` or ``"lookahead(adam, k=5)"``, or an optimizer, of which a copy is used.
        key: a JAX key for the noise of optimizers that have some. By default, it is the noise of mxcore.
        arguments: those of the optimizer. ``learning_rate`` may be a schedule of optax, which counts from 0. Groups and
            multipliers know a parameter by its path, such as ``fc.bias``. Weight decay applies to all parameters.

    Raises:
        mxcore.exchange.NotExpressibleError: the optimizer has no rule, has a control that belongs to the loop, such as
            ``accumulate``, or a schedule that follows a metric.
        TypeError, ValueError: an argument is wrong.
    """
    reader = Reader(created(optimizer, arguments))
    impl = None
    if key is not None:
        key = key if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else jax.random.wrap_key_data(key)
        impl = jax.random.key_impl(key)

    def init(params: Any) -> State:
        return _initial(reader, params, key)

    def update(grads: Any, state: State, params: Any = None, **_: Any) -> tuple[Any, State]:
        with jax.enable_x64(True):
            return _Update(reader, impl, grads, state, params).run()

    found = Transformation(init, update)
    found.reader = reader
    return found


def _indices(tree: Any) -> list[Any]:
    """Return the paths of leaves, as the optimizer knows them: a key at the top as it is, others joined with dots."""
    return [_index(path) for path, _ in jax.tree_util.tree_flatten_with_path(tree)[0]]


def leaves_of(reader: Reader, tree: Any) -> list[Leaf]:
    """Return what is known of the parameters in a tree."""
    arrays = jax.tree.leaves(tree)
    return [reader.leaf(index, array) for index, array in zip(_indices(tree), arrays, strict=True)]


def _index(path: Sequence[Any]) -> Any:
    keys = [next(getattr(one, name) for name in ("key", "idx", "name") if hasattr(one, name)) for one in path]
    if len(keys) == 1 and isinstance(keys[0], (int, str)):
        return keys[0]
    return ".".join(map(str, keys))


# --- the state -------------------------------------------------------------------------------------------------------


def _initial(reader: Reader, params: Any, key: Any) -> State:
    leaves = leaves_of(reader, params)
    count = jnp.asarray(reader.optimizer.begin_num_update, jnp.int32)
    slots: dict[str, Any] = {}
    for name in (*([MASTER] if reader.has_masters else []), *(s.name for s in reader.slots.values() if not s.on_host)):
        every = iter(leaves)
        slots[name] = jax.tree.map(lambda array, every=every, name=name: _slot(next(every), name, array), params)
    starts = {s.name: split(float(s.init)) for s in reader.slots.values() if s.on_host}
    rows = len({*rows_of(leaves)})
    of_model = {name for name in starts if reader.slots[name].of_model}
    numbers = {name: jnp.tile(one, (rows, 1)) for name, one in starts.items() if name not in of_model}
    noise = None
    if reader.noisy and key is not None:
        noise = jax.random.key_data(key)
    elif reader.noisy:
        noise = jnp.asarray(np.array([key_words(leaf.index) for leaf in leaves], np.uint32).reshape(-1, 4))
    return State(count, slots, numbers, {name: jnp.asarray(starts[name]) for name in starts if name in of_model}, noise)


def _slot(leaf: Leaf, name: str, array: Any) -> Any:
    """Return the initial array of a slot; None if the parameter does not have it."""
    if name == MASTER:
        return jnp.array(array, jnp.float32) if leaf.has_master and not leaf.frozen else None
    if name not in leaf.slots:
        return None
    init, dtype = leaf.slots[name].init, jnp.float32 if leaf.has_master else array.dtype
    if init == "weight":
        return jnp.array(array, dtype)
    number = complex(init, init) if leaf.shape != array.shape else init
    return jnp.full_like(array, number, dtype)


def reals(leaf: Leaf, array: Any) -> Any:
    """Return an array in the dtype of the computation; a complex one as pairs of reals."""
    if jnp.iscomplexobj(array):
        array = jnp.stack([array.real, array.imag], axis=-1)
    return jnp.asarray(array, leaf.dtype)


def narrowed(leaf: Leaf, value: Any, like: Any) -> Any:
    """Return what was computed as it is kept: the inverse of :func:`reals`."""
    value = jnp.broadcast_to(jnp.asarray(value, leaf.dtype), leaf.shape)
    if leaf.shape != like.shape:
        value = jax.lax.complex(value[..., 0], value[..., 1])
    return value.astype(like.dtype)


# --- an update -------------------------------------------------------------------------------------------------------


class _Update:
    """An update while JAX traces it.

    Args:
        reader: reads the graphs.
        impl: the kind of the JAX key, if there is one.
        grads: the gradients.
        state: the state.
        params: the parameters, or None.
    """

    def __init__(self, reader: Reader, impl: Any, grads: Any, state: State, params: Any) -> None:
        tree = grads if params is None else params
        self.state, self.impl = state, impl
        self.arrays, self.structure = jax.tree.flatten(tree)
        self.leaves, self.has_params = leaves_of(reader, tree), params is not None
        self.grads = self.structure.flatten_up_to(grads)
        self.slots = {name: self.structure.flatten_up_to(one) for name, one in state.slots.items()}
        self.count = optax.safe_increment(state.count)
        self.t = self.count.astype(jnp.float64)
        self.rows = rows_of(self.leaves)
        self.numbers = {name: joined(table) for name, table in state.numbers.items()}
        self.shared = {name: joined(pair) for name, pair in state.shared.items()}
        self.memo: Memo = {}
        self.schedules: dict[Any, Any] = {}

    def run(self) -> tuple[Any, State]:
        """Return the updates and the new state."""
        places = [place for place, leaf in enumerate(self.leaves) if not leaf.frozen and self.grads[place] is not None]
        given = [self._given(place) for place in places]
        every = zip(places, given, strict=True)
        results = run_together([self._computation(place, one) for place, one in every])
        changes: list[Any] = [None if one is None else jnp.zeros_like(one) for one in self.grads]
        slots = {name: list(arrays) for name, arrays in self.slots.items()}
        rows: dict[str, dict[int, Any]] = {name: {} for name in self.numbers}
        shared = dict(self.state.shared)
        for place, result in zip(places, results, strict=True):
            changes[place] = self._change(place, result)
            if self.leaves[place].has_master:
                slots[MASTER][place] = result.weight
            for name, value in result.slots.items():
                if name in rows:
                    rows[name][self.rows[place]] = value
                elif name in shared:
                    shared[name] = split(value)
                else:
                    slots[name][place] = narrowed(self.leaves[place], value, slots[name][place])
        numbers = {name: split(column(old, rows[name])) for name, old in self.numbers.items()}
        kept = {name: self.structure.unflatten(arrays) for name, arrays in slots.items()}
        state = State(self.count, kept, numbers, shared, self.state.noise)
        return self.structure.unflatten(changes), state

    def _computation(self, place: int, given: Mapping[str, Any]) -> Computation:
        leaf = self.leaves[place]
        graph = leaf.parameter.graph
        return compute(graph, given, leaf.shape, leaf.ndim, self.memo, row=self.rows[place], whole=leaf.has_master)

    def _given(self, place: int) -> dict[str, Any]:
        """Return the inputs of a parameter's graph."""
        leaf, array, grad = self.leaves[place], self.arrays[place], self.grads[place]
        if grad.shape != array.shape:
            raise ValueError(f"parameter {leaf.index!r} has shape {array.shape}, but its gradient {grad.shape}")
        found: dict[str, Any] = {"t": self.t, "num_update": self.t, "grad": reals(leaf, grad)}
        for name, number in leaf.parameter.numbers.items():
            found[name] = self._scheduled(number) if callable(number) else number
        for name, slot in leaf.slots.items():
            if slot.of_model:
                found[name] = self.shared[name]
            elif slot.on_host:
                found[name] = self.numbers[name]
            else:
                found[name] = reals(leaf, self.slots[name][place])
        if leaf.has_master:
            found["weight"] = self.slots[MASTER][place]
        else:
            found["weight"] = reals(leaf, array) if self.has_params else ABSENT
        if "noise" in leaf.parameter.graph.inputs:
            found["noise"] = self._noise(place, leaf)
        return found

    def _scheduled(self, number: Any) -> Any:
        key = id(number.schedule), number.factor, number.least
        if key not in self.schedules:
            self.schedules[key] = traced(number, self.t)
        return self.schedules[key]

    def _noise(self, place: int, leaf: Leaf) -> Any:
        if self.impl is None:
            return philox_normal(self.state.noise[place], self.count, leaf.shape, leaf.dtype)
        key = jax.random.wrap_key_data(self.state.noise, impl=self.impl)
        key = jax.random.fold_in(jax.random.fold_in(key, place), self.count)
        return jax.random.normal(key, leaf.shape, leaf.dtype)

    def _change(self, place: int, result: Outputs) -> Any:
        """Return what is added to a parameter."""
        leaf, array = self.leaves[place], self.arrays[place]
        if leaf.has_master:
            if not self.has_params:
                raise ValueError("masters need the parameters: call update(grads, state, params)")
            return result.weight - array.astype(jnp.float32)
        change = jnp.zeros((), leaf.dtype) if result.change is None else result.change
        change = jnp.broadcast_to(jnp.asarray(change, leaf.dtype), leaf.shape)
        return jax.lax.complex(change[..., 0], change[..., 1]) if leaf.shape != array.shape else change
