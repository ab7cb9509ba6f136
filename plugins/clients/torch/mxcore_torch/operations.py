"""The engine through torch's own operations: the graphs of rules, on any device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

import mxcore as mx
from mxcore.exchange import Parameter
from mxcore_torch.graphs import Job, outputs
from mxcore_torch.memory import check_dense, key_of

__all__ = ["Operations"]

_HALF = (torch.float16, torch.bfloat16)


class Operations:
    """Updates parameters by torch's functions.

    Args:
        optimizer: the optimizer.
        state: torch's state.
        compile: whether to compile them, or with which backend.

    Raises:
        NotExpressibleError: the optimizer is no graph, or has settings that no graph has.
    """

    checks_schedules = False

    def __init__(self, optimizer: Any, state: dict[Any, Any], *, compile: bool | str = False) -> None:
        if optimizer.gated:
            raise mx.exchange.NotExpressibleError(
                "accumulate, on_nonfinite and a DynamicLossScale need engine='memory', or torch's GradScaler"
            )
        self.optimizer, self.state, self._compiles = optimizer, state, compile
        self.takes_two = False
        self.params: list[torch.Tensor] = []
        self.count = 0
        self._read: dict[int, Parameter] = {}
        self._model: dict[str, Any] = {}
        self._functions: dict[Any, Callable[..., Any]] = {}

    def extend(self, params: list[torch.Tensor]) -> None:
        """Take on parameters."""
        self.params = [*self.params, *params]

    def refresh(self) -> None:
        """Read the settings of the optimizer again."""
        self._read = {}

    def step(self) -> None:
        """Update every parameter that has a gradient."""
        present = [index for index, param in enumerate(self.params) if param.grad is not None]
        check_dense(self.params)
        for index in present:
            if index not in self._read:
                self._read[index] = mx.exchange.read(self.optimizer, index, self.params[index])
        with torch.no_grad():
            for index in present:
                if "step" not in self.state[self.params[index]]:
                    self._begin(index)
            if present:
                self._update(present)

    def _begin(self, index: int) -> None:
        """Create the state of a parameter."""
        param, own = self.params[index], self.state[self.params[index]]
        weight = param.detach()
        if self.optimizer.has_master(_Typed(param)):
            own["master"] = weight = weight.float().clone()
        for slot in self._read[index].graph.slots:
            if slot.of_model:
                self._model.setdefault(slot.name, float(slot.init))
            elif slot.on_host:
                own[key_of(slot.name)] = float(slot.init)
            elif slot.init == "weight":
                own[key_of(slot.name)] = weight.clone()
            else:
                number = float(slot.init)
                full = complex(number, number) if param.is_complex() else number
                own[key_of(slot.name)] = torch.full_like(weight, full)
        own["step"] = self.optimizer.begin_num_update

    def _update(self, present: list[int]) -> None:
        update = max(self.count, *(self.state[self.params[index]]["step"] + 1 for index in present))
        arrays, numbers = [], []
        for index in present:
            arrays.append(self._arrays(index))
            numbers.append(self._numbers(index, update))
        graphs = tuple(self._read[index].graph for index in present)
        if self._compiles:
            names = tuple(tuple(one) for one in numbers)
            table = torch.tensor([value for one in numbers for value in one.values()], dtype=torch.float64)
            key = (*map(id, graphs), names)
            if key not in self._functions:
                backend = self._compiles if isinstance(self._compiles, str) else "inductor"
                self._functions[key] = torch.compile(_function(graphs, names), fullgraph=True, backend=backend)
            found = self._functions[key](arrays, table)
        else:
            found = _run(graphs, arrays, numbers)
        for index, new in zip(present, found, strict=True):
            own = self.state[self.params[index]]
            own["step"] += 1
            model = {slot.name for slot in self._read[index].graph.slots if slot.of_model}
            for name, value in new.items():
                (self._model if name in model else own)[name if name in model else key_of(name)] = value
        self.count = update

    def _arrays(self, index: int) -> dict[str, torch.Tensor]:
        """Return the weight, the gradient and the slots, and the parameter if its weight is a master."""
        param, own = self.params[index], self.state[self.params[index]]
        weight = param.detach()
        found = {"param": weight, "weight": own.get("master", weight)}
        if param.grad is not None:
            found["grad"] = param.grad.detach().to(found["weight"].dtype)
        slots = (slot for slot in self._read[index].graph.slots if not slot.on_host)
        found |= {slot.name: own[key_of(slot.name)] for slot in slots}
        if "noise" in self._read[index].graph.inputs:
            found["noise"] = torch.randn_like(found["weight"])
        if param.is_complex():
            found = {name: torch.view_as_real(one.resolve_conj()) for name, one in found.items()} | {"param": weight}
        return found

    def _numbers(self, index: int, update: int) -> dict[str, Any]:
        read, own = self._read[index], self.state[self.params[index]]
        numbers = {key: one(update) if callable(one) else one for key, one in read.numbers.items()}
        host = {slot.name: slot for slot in read.graph.slots if slot.on_host}
        numbers |= {name: self._model[name] if slot.of_model else own[key_of(name)] for name, slot in host.items()}
        known = {"t": own["step"] + 1, "num_update": update, "weight.size": self.params[index].numel()}
        numbers |= {name: float(value) for name, value in known.items()}
        return {name: numbers[name] for name in read.graph.inputs if name in numbers}

    # --- state -------------------------------------------------------------------------------------------------------

    def sync(self) -> None:
        """Give torch the numbers that all parameters share."""
        for own in self.state.values():
            if "step" in own:
                own.update({key_of(name): float(value) for name, value in self._model.items()})
                for name, value in own.items():
                    if isinstance(value, torch.Tensor) and value.dtype == torch.float64 and not value.ndim:
                        own[name] = float(value)

    def read(self, index: int, saved: Mapping[str, Any]) -> None:
        """Take over the state of a parameter from torch.

        Raises:
            ValueError: it has other entries.
        """
        param = self.params[index]
        self._read[index] = mx.exchange.read(self.optimizer, index, param)
        own = self.state[param]
        own.clear()
        self._begin(index)
        model = {key_of(slot.name): slot.name for slot in self._read[index].graph.slots if slot.of_model}
        if (set(saved) | {"master"} & set(own)) != (wanted := {*own, *model}):
            who = f"{self.optimizer.describe(index)}: the state has {sorted(saved)}"
            raise ValueError(f"{who}, but {type(self.optimizer).__name__} has {sorted(wanted)}")
        for name, value in saved.items():
            if name in model:
                self._model[model[name]] = float(value)
            elif isinstance(own[name], torch.Tensor):
                own[name].copy_(value)
            else:
                own[name] = int(value) if name == "step" else float(value)
        self.count = max(self.count, own["step"])

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Put the evaluation weights in place of the weights for a block."""
        kept: list[tuple[torch.Tensor, torch.Tensor]] = []
        with torch.no_grad():
            for index, param in enumerate(self.params):
                graph = self._read[index].evaluation if index in self._read else None
                if graph is not None and "step" in self.state[param]:
                    kept.append((param, param.detach().clone()))
                    given = {**self._arrays(index), **self._numbers(index, self.count)}
                    value = outputs([Job(graph, given, param.ndim)])[0]["weight"]
                    param.copy_(torch.view_as_complex(value) if param.is_complex() else value)
        try:
            yield
        finally:
            with torch.no_grad():
                for param, weight in kept:
                    param.copy_(weight)


class _Typed:
    """What an optimizer asks about a weight: the name of its dtype."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.dtype = self
        self.name = str(tensor.dtype).removeprefix("torch.")


def _run(graphs: Any, arrays: list[dict[str, torch.Tensor]], numbers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Update weights and slots in place; return the numbers of each parameter."""
    every = zip(graphs, arrays, numbers, strict=True)
    found = outputs([Job(graph, {**own, **more}, own["param"].ndim) for graph, own, more in every])
    left = []
    for own, new in zip(arrays, found, strict=True):
        left.append({name: value for name, value in new.items() if name not in own})
        written = {name: value for name, value in new.items() if name in own and value is not own[name]}
        for name, value in written.items():  # a new value may be an old one of another name, which is overwritten
            if any(value is one for one in own.values()):
                written[name] = value.clone()
        for name, value in written.items():
            own[name].copy_(value)
        if own["param"].dtype in _HALF and own["weight"].dtype not in _HALF:
            own["param"].copy_(own["weight"])
    return left


def _function(graphs: Any, names: tuple[tuple[str, ...], ...]) -> Callable[..., Any]:
    """Return a function of tensors alone, for the compiler."""

    def update(arrays: list[dict[str, torch.Tensor]], table: torch.Tensor) -> list[dict[str, Any]]:
        values = iter(table.unbind())
        numbers = [{name: next(values) for name in own} for own in names]
        return _run(graphs, arrays, numbers)

    return update
