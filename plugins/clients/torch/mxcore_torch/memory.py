"""The engine over memory: our kernels update tensors in place, through arrays that share their memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.autograd.graph import increment_version

import mxcore as mx
from mxcore.backend import Array
from mxcore.step import levels
from mxcore.step.states import by_slot
from mxcore_torch.views import in_stream, tensor_over, view

__all__ = ["Memory", "check_dense", "key_of"]

Address = tuple[int, int, tuple[int, ...]] | None


def key_of(slot: str) -> str:
    """Return the name of a slot in the state of a parameter, where ``step`` is the count."""
    return "step_size" if slot == "step" else slot


class Memory:
    """Updates parameters through arrays over their memory.

    Args:
        optimizer: the optimizer.
        state: torch's state, which gets tensors over the memory of ours.
    """

    def __init__(self, optimizer: Any, state: dict[Any, Any]) -> None:
        self.optimizer, self.state = optimizer, state
        self.updater = mx.optimizer.get_updater(optimizer)
        self.params: list[torch.Tensor] = []
        """The parameters, in the order of their indices."""
        self.tensors: list[torch.Tensor] = []
        """What is updated: the parameters themselves."""
        self.shown: set[int] = set()
        """The parameters whose state torch has."""
        self._known: list[Address] = []
        self._seen = 0
        self._bound: Callable[[], None] | None = None
        self._on_host = True
        self.takes_two = hasattr(self.updater, "first_step")
        """Whether a step takes the gradients at two places."""
        self._call: Callable[..., None] = self.updater
        self._present: list[int] = []
        self._weights: list[Array] = []
        self._grads: list[Array] = []
        self._places: defaultdict[int, dict[Any, Array]] = defaultdict(dict)

    def extend(self, params: list[torch.Tensor]) -> None:
        """Take on parameters."""
        self.params = self.tensors = [*self.params, *params]

    def step(self, part: str | None = None) -> None:
        """Update every parameter that has a gradient.

        Args:
            part: the method of the updater that makes a part of the step.
        """
        if len(self.state) < len(self.shown):
            self._forget()
        if part:
            self._call, self._known = getattr(self.updater, part), []
        # Of each array the address and the strides: while they are the same, so are the arrays over them.
        try:
            now = [
                None if (grad := param.grad) is None else (param.data_ptr(), grad.data_ptr(), grad.stride())
                for param in self.tensors
            ]
        except RuntimeError:
            check_dense(self.tensors)
            raise
        if now == self._known:
            self._again()
        else:
            self._anew(now)
        increment_version([self.tensors[index] for index in self._present] if None in now else self.tensors)

    def _again(self) -> None:
        """Update from where gradients have been before."""
        if self._bound is None:
            self._seen += 1
            if self._seen < 3 or not self._on_host or not self._present:  # binding pays off if they stay
                self._run()
                return
            self._bound = self.updater.bind(self._weights, self._grads, self._present)
        self._bound()

    def _anew(self, now: list[Address]) -> None:
        """Update from gradients at new places."""
        self._known, self._seen, self._bound = [], 0, None
        if None in now or len(now) != len(self._present):
            self._present = [index for index, place in enumerate(now) if place is not None]
        present, params = self._present, self.tensors
        grads = [_resolved(params[index].grad) for index in present]
        self._on_host = not present or params[present[0]].device.type == "cpu"
        self._weights = [self._over(self._places[index], params[index]) for index in present]
        self._grads = [self._over(self._places[~index], grad) for index, grad in zip(present, grads, strict=True)]
        self._run()
        for index in present:
            if index not in self.shown and index in self.updater.states:
                self.show(index)
        if all(grad is params[index].grad for index, grad in zip(present, grads, strict=True)):
            self._known = now

    def _run(self) -> None:
        if self._on_host:
            self._call(self._present, self._grads, self._weights)
        else:
            with in_stream(self.tensors[self._present[0]].device):
                self._call(self._present, self._grads, self._weights)

    def _over(self, known: dict[Any, Array], tensor: torch.Tensor) -> Array:
        """Return an array over a tensor: one made before, if an allocator hands out the same memory again."""
        key = (tensor.data_ptr(), tensor.stride(), tensor.shape, tensor.dtype)
        array = known.get(key)
        if array is None:
            if len(known) >= 4:
                known.clear()
            array = known[key] = view(tensor)
        return array

    def _view(self, index: int) -> Array:
        """Return an array over a parameter."""
        return self._over(self._places[index], self.tensors[index])

    @property
    def count(self) -> int:
        """The highest update count."""
        return int(self.updater.tally.highest.value)

    def refresh(self) -> None:
        """Nothing to do: the updater sees what has been assigned."""

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Put the evaluation weights in place of the weights for a block."""
        weights = {index: self._view(index) for index in sorted(self.shown)}
        with self.updater.evaluating(weights):
            increment_version(self.tensors)
            yield
        increment_version(self.tensors)

    # --- state -------------------------------------------------------------------------------------------------------

    def show(self, index: int) -> None:
        """Give torch the state of a parameter."""
        leaves = dict(self._leaves(index, self.updater.states[index]))
        own = self.state[self.params[index]]
        own.update(self.numbers(index))
        own.update({name: tensor_over(one) if hasattr(one, "dtype") else one for name, one in leaves.items()})
        self.shown.add(index)

    def _forget(self) -> None:
        """Begin anew with parameters whose state has been removed from torch's."""
        tally = self.updater.tally
        for index in [index for index in self.shown if self.params[index] not in self.state]:
            self.shown.remove(index)
            del self.updater.states[index], tally.table[index]
            tally.host_numbers.pop(index, None)
        self._known = []

    def sync(self) -> None:
        """Give torch the counts, and numbers that are kept on the host."""
        for index in self.shown:
            own = self.state[self.params[index]]
            own.update(self.numbers(index))
            for name, leaf in self._leaves(index, self.updater.states[index]):
                if not hasattr(leaf, "dtype"):
                    own[name] = leaf
                elif name not in own or own[name].data_ptr() != tensor_over(leaf).data_ptr():
                    own[name] = tensor_over(leaf)

    def numbers(self, index: int) -> dict[str, float]:
        """Return the count of a parameter, and the numbers that are kept for it."""
        tally = self.updater.tally
        kept = {**tally.model_numbers, **tally.host_numbers.get(index, {})}
        return {"step": tally.table[index], **{key_of(name): float(value) for name, value in kept.items()}}

    def _leaves(self, index: int, state: Any) -> Iterator[tuple[str, Any]]:
        """Yield the arrays and numbers of a state by name."""
        optimizer = self.optimizer.optimizer_of(index, self._view(index))
        names = [slot.name for slot in optimizer.state_slots() if not slot.on_host]
        found = by_slot(state, names, len(levels(optimizer)) - 1)
        for name, leaf in _paths(state) if found is None else found.items():
            yield key_of(name), leaf

    def read(self, index: int, saved: Mapping[str, Any]) -> None:
        """Take over the state of a parameter from torch.

        Raises:
            ValueError: it has other entries.
        """
        weight, optimizer = self._view(index), self.optimizer.optimizer_of(index, self._view(index))
        with in_stream(self.tensors[index].device):
            state = optimizer.create_state_multi_precision(index, weight)
            leaves = dict(self._leaves(index, state))
            host = {key_of(slot.name): slot for slot in optimizer.state_slots() if slot.on_host}
            wanted, found = {*leaves, *host, "step"}, set(saved)
            if found | {"master"} & wanted != wanted:  # a master is a copy of the weight
                who = f"{self.optimizer.describe(index)}: the state has {sorted(found)}, but {type(optimizer).__name__}"
                raise ValueError(f"{who} has {sorted(wanted)}")
            for name in leaves.keys() & saved.keys():
                _fill(leaves[name], saved[name], f"{self.optimizer.describe(index)}: {name}")
        tally, count = self.updater.tally, int(saved["step"])
        self.updater.states[index] = state
        tally.table[index] = count
        tally.highest.value = max(tally.highest.value, count)
        for key, slot in host.items():
            table = tally.model_numbers if slot.of_model else tally.host_numbers.setdefault(index, {})
            table[slot.name] = float(saved[key])
        tally.host_numbers.version.number += 1
        self.state[self.params[index]].clear()
        self.show(index)


def check_dense(params: Iterable[torch.Tensor]) -> None:
    """Raise a RuntimeError if a gradient is not dense."""
    for param in params:
        if param.grad is not None and param.grad.layout is not torch.strided:
            found = param.grad.layout
            raise RuntimeError(f"gradients must be dense, got {found}: pass sparse=False to the layer")


def _resolved(grad: Any) -> torch.Tensor:
    """Return a gradient without a pending conjugation or negation."""
    found: torch.Tensor = grad.resolve_conj().resolve_neg() if grad.is_conj() or grad.is_neg() else grad
    return found


def _fill(array: Array, saved: Any, label: str) -> None:
    """Copy what torch has into an array."""
    tensor = tensor_over(array)
    if not isinstance(saved, torch.Tensor) or saved.shape != tensor.shape:
        found = tuple(saved.shape) if isinstance(saved, torch.Tensor) else saved
        raise ValueError(f"{label} must have the shape {tuple(tensor.shape)}, got {found}")
    tensor.copy_(saved)


def _paths(state: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested containers by path."""
    if isinstance(state, Mapping):
        items: Any = state.items()
    elif isinstance(state, (list, tuple)):
        items = enumerate(state)
    else:
        if state is not None:
            yield path or "0", state
        return
    for key, value in items:
        yield from _paths(value, f"{path}.{key}" if path else str(key))
