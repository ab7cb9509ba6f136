"""A wrapper around array code: its rule runs on the arrays of one parameter and calls ``update`` of the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from mxcore.backend import Array, backend_of
from mxcore.kernel.rule.program import NDIM, SIZE
from mxcore.kernel.rule.reduction import among, refused
from mxcore.kernel.run.plan import noise_key
from mxcore.random.generators import Generator
from mxcore.step.program import Settings, levels, traits_of
from mxcore.step.protocol import Stepped, Updatable
from mxcore.step.rates import asked
from mxcore.step.states import arrays_of


class Around:
    """Updates parameters one by one. Called as a function, it is a rule that runs the array code."""

    def __init__(self) -> None:
        self._settings: Settings | None = None
        self._wrapped: tuple[Updatable, Any, Any]

    def __reduce__(self) -> tuple[Any, ...]:
        return Around, ()

    def __call__(self, weight: Array, grad: Array) -> Array:
        """Return the new weight; the array code updates its state in place, and counts the update."""
        optimizer, index, state = self._wrapped
        new, grad = backend_of(weight).copy(weight), backend_of(weight).copy(grad)
        with _plainly(optimizer):
            optimizer.update(index, new, grad, state)
        return new

    def run(self, wrapper: Updatable, index: Any, weight: Array, grad: Array, state: Any) -> None:
        """Update a weight and its state in place."""
        if self._settings is None or not self._settings.hold(wrapper):
            self._settings = Settings(wrapper, self)
        program, backend = self._settings.program, backend_of(weight)
        own: list[Array] = []
        *wrappers, innermost = levels(wrapper)
        for _ in wrappers:
            arrays, state = state
            own += arrays_of(arrays)
        self._wrapped = innermost, index, state
        slots = dict(zip(program.array_slots, own, strict=True))
        row = self._row(wrapper, index)
        given = {"weight": weight, "grad": grad, **slots}
        if program.noisy:
            drawn = Generator(noise_key(wrapper.idx2name.get(index, index), row["t"])).standard_normal(weight.shape)
            given["noise"] = backend.from_host(drawn.astype(weight.dtype), backend.device_of(weight))
        if shared := [slot.name for slot in program.slots if slot.of_model]:
            raise TypeError(
                f"{program.owner} keeps {shared[0]!r} for all parameters together, and cannot wrap array code, which "
                "updates them one by one"
            )
        host = {slot.name: float(slot.init) for slot in program.slots if slot.on_host}
        kept = {**host, **wrapper.host_numbers.get(index, {})}
        group = wrapper.groups.number_of(str(wrapper.idx2name.get(index, index)))
        numbers = {**self._settings.numbers, **self._settings.static[group], **row, **kept}
        numbers |= {SIZE: weight.size, NDIM: weight.ndim}
        if (sources := self._settings.sources) is not None:
            numbers |= zip(program.varying, sources[group].more(row["num_update"]), strict=True)
        try:
            with np.errstate(all="ignore"), among(refused, weight.dtype):
                new_weight, new = program.unpack(program.apply(backend.xp, given, numbers))
        finally:
            del self._wrapped  # which keeps arrays alive
        for name, array in {"weight": weight, **slots}.items():
            backend.fill(array, new_weight if name == "weight" else new[name])
        if host:
            wrapper.host_numbers[index] = {name: float(new[name]) for name in host}

    @staticmethod
    def _row(wrapper: Stepped, index: Any) -> dict[str, Any]:
        """Return the learning rate, weight decay and counts of the next update."""
        count = wrapper._index_update_count.get(index, wrapper.begin_num_update) + 1
        highest = max(count, wrapper.num_update)
        if traits_of(wrapper).own_rates:
            rate, wd = float(wrapper._get_lr(index)), float(wrapper._get_wd(index))
        else:
            rate, wd = wrapper.rate_of(index, highest, asked), wrapper.decay_of(index, highest)
        return {"lr": rate, "wd": wd, "t": count, "num_update": highest}


@contextmanager
def _plainly(optimizer: Stepped) -> Iterator[None]:
    """Switch off an optimizer's rescaling and clipping in the block."""
    former = optimizer.rescale_grad, optimizer.clip_gradient
    optimizer.rescale_grad, optimizer.clip_gradient = 1.0, None
    try:
        yield
    finally:
        optimizer.rescale_grad, optimizer.clip_gradient = former
