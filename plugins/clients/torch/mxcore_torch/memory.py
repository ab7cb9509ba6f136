"""The engine over memory: our kernels update tensors in place, through arrays that share their memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch._C import _increment_version as increment_version

import mxcore as mx
from mxcore.backend import Array
from mxcore.step import levels
from mxcore.step.states import by_slot
from mxcore_torch.threads import share_threads
from mxcore_torch.views import Views, in_stream, may_be_lazy, tensor_over, view

__all__ = ["Memory", "check_dense", "key_of"]

Layout = tuple[int, int, bool | tuple[int, ...], torch.dtype] | None
"""Where a parameter is, and how large its gradient is and how it lies in memory: in order, or by strides.

None if there is no gradient.
"""
Place = tuple[Layout, int] | None
"""The same, and where the gradient is."""

share_threads()  # once for each process, but not again in one that is forked: OpenMP does not survive that


def key_of(slot: str) -> str:
    """Return the name of a slot in the state of a parameter, where ``step`` is the count."""
    return "step_size" if slot == "step" else slot


class Memory:
    """Updates parameters through arrays over their memory.

    Args:
        optimizer: the optimizer.
        state: torch's state, which gets tensors over the memory of ours.
    """

    checks_schedules = True
    """Whether the values of schedules are checked in each step."""

    def __init__(self, optimizer: Any, state: dict[Any, Any]) -> None:
        self.optimizer, self.state = optimizer, state
        self.updater = mx.optimizer.get_updater(optimizer)
        self.params: list[torch.Tensor] = []
        """The parameters, in the order of their indices."""
        self.tensors: list[torch.Tensor] = []
        """What is updated: the parameters themselves."""
        self.shown: dict[int, dict[str, Any]] = {}
        """What torch has of the states of parameters."""
        self.takes_two = hasattr(self.updater, "first_step")
        """Whether a step takes the gradients at two places."""
        self._looked_at = False
        self._call: Callable[..., None] = self.updater
        self._views: dict[Any, Views] = {}
        # What the last step has found, and the arrays over it.
        self._now: list[Place] = []
        self._layouts: list[Layout] = []
        self._present: list[int] = []
        self._stepped: list[torch.Tensor] = []
        self._weights: list[Array] = []
        self._grads: list[Array] = []
        self._of_grads: list[Views] = []
        self._on_host, self._may_be_lazy = True, False
        self._seen = 0
        self._bound: Callable[[], None] | None = None

    def extend(self, params: list[torch.Tensor]) -> None:
        """Take on parameters."""
        self.params = self.tensors = [*self.params, *params]

    def step(self, part: str | None = None) -> None:
        """Update every parameter that has a gradient.

        Args:
            part: the method of the updater that makes a part of the step.
        """
        if self._looked_at:
            self._take_over()
        if part:
            self._call, self._layouts, self._now = getattr(self.updater, part), [], []
        try:
            now: list[Place] = [
                None
                if (grad := param.grad) is None
                else (
                    (param.data_ptr(), grad.shape, grad.is_contiguous() or grad.stride(), grad.dtype),
                    grad.data_ptr(),
                )
                for param in self.tensors
            ]
        except RuntimeError:
            check_dense(self.tensors)
            raise
        if now != self._now:
            self._elsewhere(now)
        elif self._bound is not None:
            self._bound()
        else:
            self._again()
        increment_version(self._stepped)

    def _elsewhere(self, now: list[Place]) -> None:
        """Update from gradients at other places than before, as those of most backward passes are."""
        self._now, self._seen, self._bound = [], 0, None  # until this has succeeded
        places = [place[1] for place in now if place is not None]
        layouts = [place and place[0] for place in now]
        if is_new := layouts != self._layouts:
            self._arrange(layouts)
        if self._may_be_lazy and (computed := self._computed()):
            self._grads = list(map(view, computed))
        else:
            self._grads = [views[place] for views, place in zip(self._of_grads, places, strict=True)]
        self._run()
        if is_new:
            for index in self._present:
                if index not in self.shown and index in self.updater.states:
                    self.show(index)
            self._layouts = layouts
        if not self._may_be_lazy:
            self._now = now

    def _arrange(self, layouts: list[Layout]) -> None:
        """Prepare for other parameters than before, at other places, or for gradients that lie otherwise in memory."""
        self._layouts = []
        grads = [param.grad for param in self.tensors if param.grad is not None]
        present = [index for index, layout in enumerate(layouts) if layout is not None]
        self._present, self._stepped = present, [self.tensors[index] for index in present]
        self._on_host = not present or self._stepped[0].device.type == "cpu"
        self._may_be_lazy = any(map(may_be_lazy, grads))
        self._weights = [self._view(index) for index in present]
        self._of_grads = [self._over(~index, grad) for index, grad in zip(present, grads, strict=True)]

    def _computed(self) -> list[torch.Tensor]:
        """Return the gradients without pending conjugations and negations; nothing if there are none."""
        grads = [param.grad for param in self._stepped if param.grad is not None]
        if not any(grad.is_conj() or grad.is_neg() for grad in grads):
            return []
        return [grad.resolve_conj().resolve_neg() for grad in grads]

    def _again(self) -> None:
        """Update from gradients at the same places, and bind what stays there."""
        self._seen += 1
        if self._seen < 3 or not self._on_host or not self._present:
            self._run()
            return
        self._bound = self.updater.bind(self._weights, self._grads, self._present)
        self._bound()

    def _run(self) -> None:
        if self._on_host:
            self._call(self._present, self._grads, self._weights)
        else:
            with in_stream(self._stepped[0].device):
                self._call(self._present, self._grads, self._weights)

    def _over(self, index: int, tensor: torch.Tensor) -> Views:
        """Return the arrays over the places of a parameter, or for the complement of its index, of its gradient."""
        key = index, tensor.device, tensor.dtype, tensor.shape, tensor.stride()
        if key not in self._views:
            self._views[key] = Views(tensor)
        return self._views[key]

    def _view(self, index: int) -> Array:
        """Return an array over a parameter."""
        tensor = self.tensors[index]
        return self._over(index, tensor)[tensor.data_ptr()]

    @property
    def count(self) -> int:
        """The highest update count."""
        return int(self.updater.tally.highest.value)

    @count.setter
    def count(self, count: int) -> None:
        self.updater.tally.highest.value = count

    def refresh(self) -> None:
        """Nothing to do: the updater sees what has been assigned."""

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Put the evaluation weights in place of the weights for a block."""
        if self._looked_at:
            self._take_over()
        weights = {index: self._view(index) for index in sorted(self.shown)}
        with self.updater.evaluating(weights):
            increment_version(self.tensors)
            yield
        increment_version(self.tensors)

    # --- state -------------------------------------------------------------------------------------------------------

    def show(self, index: int) -> None:
        """Give torch the state of a parameter, with its numbers as they are now."""
        known, found = self.shown.get(index, {}), dict[str, Any](self.numbers(index))
        for name, leaf in self._leaves(index, self.updater.states[index]):
            found[name] = new = tensor_over(leaf) if hasattr(leaf, "dtype") else leaf
            if name in known and isinstance(new, torch.Tensor) and new.data_ptr() == known[name].data_ptr():
                found[name] = known[name]
        self.state[self.params[index]].update(found)
        self.shown[index] = found

    def _take_over(self) -> None:
        """Take over what has been changed in torch's state."""
        for index, param in enumerate(self.params):
            own, shown = self.state.get(param), self.shown.get(index)
            if own and (shown is None or any(own.get(name) is not one for name, one in shown.items())):
                self.read(index, own)
            elif shown and not own:
                self._forget(index)
        self._looked_at = False

    def _forget(self, index: int) -> None:
        """Begin anew with a parameter."""
        tally = self.updater.tally
        del self.shown[index], self.updater.states[index], tally.table[index]
        tally.host_numbers.pop(index, None)
        self._layouts, self._now = [], []

    def sync(self) -> None:
        """Give torch the counts, and numbers that are kept on the host, for somebody who looks at the state."""
        if self._looked_at:  # and may have changed it
            return
        for index in self.shown:
            self.show(index)
        self._looked_at = True

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
        self._layouts, self._now = [], []
        tally.table[index] = count
        self.count = max(self.count, count)
        for key, slot in host.items():
            table = tally.model_numbers if slot.of_model else tally.host_numbers.setdefault(index, {})
            table[slot.name] = float(saved[key])
        tally.host_numbers.version.number += 1
        self.state[self.params[index]].clear()
        self.shown.pop(index, None)
        self.show(index)


def check_dense(params: Iterable[torch.Tensor]) -> None:
    """Raise a RuntimeError if a gradient is not dense."""
    for param in params:
        if param.grad is not None and param.grad.layout is not torch.strided:
            found = param.grad.layout
            raise RuntimeError(f"gradients must be dense, got {found}: pass sparse=False to the layer")


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
