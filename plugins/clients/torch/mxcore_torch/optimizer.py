"""An optimizer of mxcore as one of torch."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import is_, itemgetter
from typing import Any

import torch
from torch._C._dynamo.eval_frame import get_eval_frame_callback as compiler_of_frames
from torch.optim import optimizer as of_torch

from mxcore.step import levels, traits_of
from mxcore_torch.convert import from_torch, to_torch
from mxcore_torch.groups import Live, changed, patterns, renamed, split
from mxcore_torch.memory import Memory
from mxcore_torch.names import Names, created, number
from mxcore_torch.offload import Offload
from mxcore_torch.operations import Operations
from mxcore_torch.schedules import with_base
from mxcore_torch.views import has_memory

__all__ = ["Optimizer"]

_ENGINES = ("auto", "memory", "offload", "operations")


def _hooked(step: Callable[..., Any]) -> Callable[..., Any]:
    """Let a step have torch's hooks and its record for profilers, and be made outside of compiled graphs.

    torch would make that record for every step, which takes as long as the step of a small model: here a profiler has
    to be running.
    """
    recorded = torch.optim.Optimizer.profile_hook_step(step)
    before_all, after_all = of_torch._global_optimizer_pre_hooks, of_torch._global_optimizer_post_hooks
    is_traced, is_profiling = torch.compiler.is_dynamo_compiling, torch.autograd._profiler_enabled

    @functools.wraps(step)
    def hooked(self: Any, closure: Any = None) -> Any:
        if is_traced() or compiler_of_frames() is not None:  # which waits for frames that it can compile
            return self._uncompiled(closure)
        of_this = self._optimizer_step_pre_hooks or self._optimizer_step_post_hooks
        if of_this or before_all or after_all or is_profiling():
            return recorded(self, closure)
        return step(self, closure)

    hooked.hooked = True  # type: ignore[attr-defined]  # torch leaves it as it is then
    return hooked


class Optimizer(torch.optim.Optimizer):
    """Any optimizer of mxcore, by name, for the parameters of a model of torch.

    >>> import torch, mxcore as mx
    >>> weight = torch.nn.Parameter(torch.ones(3))
    >>> optimizer = mx.torch.Optimizer([weight], "lion", lr=0.5)
    >>> weight.sum().backward()
    >>> optimizer.step()
    >>> weight.tolist(), optimizer.state[weight]["mean"].shape
    ([0.5, 0.5, 0.5], torch.Size([3]))

    Everything is as in torch: groups of parameters, closures, hooks, schedulers that write ``group["lr"]``, state
    dicts, and weight decay on all parameters.

    Args:
        params: parameters, ``model.named_parameters()``, or dicts with groups of them.
        name: the name of an optimizer, such as ``"lion"`` or ``"lookahead(adamw, k=5)"``, or one of mxcore.
        lr: the learning rate; by default that of torch, or of the class if torch has none of this name.
        weight_decay: the weight decay.
        groups: other settings for the parameters whose names match a pattern, such as ``{".*bias": {"weight_decay":
            0}}``. They become groups of torch.
        lr_scheduler: a schedule of mxcore, which writes ``group["lr"]`` before each update.
        decay_by_name: whether weight decay applies to weights only, as their names tell, instead of everything.
        engine: what computes. ``"memory"``, for parameters on the CPU, and on CUDA with CuPy, updates them in place by
            our kernels; ``"offload"`` keeps the state of parameters on a device in the memory of the host, and updates
            copies of them there; ``"operations"`` uses torch's functions, on any device; ``"auto"`` takes the memory of
            parameters if it can be used.
        compile: whether ``torch.compile`` compiles the operations, or with which of its backends.
        arguments: the hyper-parameters, by our names, or by torch's, such as ``betas`` and ``eps``.

    Raises:
        TypeError, ValueError: an argument is unknown or out of range.
    """

    def __init__(
        self,
        params: Iterable[Any],
        name: Any,
        *,
        lr: Any = None,
        weight_decay: Any = None,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
        lr_scheduler: Any = None,
        decay_by_name: bool = False,
        engine: str = "auto",
        compile: bool | str = False,
        **arguments: Any,
    ) -> None:
        if engine not in _ENGINES:
            raise ValueError(f"engine must be one of {', '.join(map(repr, _ENGINES))}, got {engine!r}")
        common = {"lr": lr, "weight_decay": weight_decay, "lr_scheduler": lr_scheduler}
        given = {**{key: value for key, value in common.items() if value is not None}, **arguments}
        if not isinstance(name, str) and given:
            raise TypeError(f"an optimizer of mxcore has its arguments already: leave out {', '.join(given)}")
        self.optimizer = created(name, given) if isinstance(name, str) else copy.deepcopy(name)
        """The optimizer of mxcore. Set its numbers in ``param_groups``, which are written to it."""
        self._schedule, self.optimizer.lr_scheduler = self.optimizer.lr_scheduler, None
        self._names = Names(self.optimizer)
        self._options: dict[str, Any] = {"decay_by_name": decay_by_name, "engine": engine, "compile": compile}
        self._schedules: list[Any] = []
        self._engine: Any = None
        self._state: Any = None
        self._seen: Any = None
        self._live: set[str] = set()
        own = self._names.of_groups(self.optimizer)
        self._keys = [*own, "maximize"]
        self.defaults = {**own, "maximize": self.optimizer.maximize}
        super().__init__(split(params, groups or {}), self.defaults)

    # --- groups ------------------------------------------------------------------------------------------------------

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters.

        Args:
            param_group: a dict with ``params``, and settings by torch's names or ours.
        """
        if isinstance(param_group, dict):
            param_group = renamed(param_group, self._names, self.defaults)
        super().add_param_group(param_group)
        group, self._seen = self.param_groups[-1], None
        try:
            self._check(group)
            self._settle()
        except BaseException:
            self.param_groups.pop()
            self._seen = None
            raise
        if self._schedule is not None:
            self._schedules.append(with_base(self._schedule, float(group["lr"])))
        if self._engine is not None:
            self._engine.extend(group["params"])

    def _check(self, group: Mapping[str, Any]) -> None:
        for param in group["params"]:
            if not (param.is_floating_point() or param.is_complex()):
                raise ValueError(f"parameters must be floating-point or complex numbers, got {param.dtype}")
        trial = copy.deepcopy(self.optimizer)
        trial.groups = {"any": self._numbers(group)}

    def _numbers(self, group: Mapping[str, Any]) -> dict[str, Any]:
        """Return the numbers of a group by our names."""
        return self._names.ours({key: group[key] for key in self._keys if key != "maximize"})

    def _settle(self) -> None:
        """Take over the settings of all groups."""
        groups, optimizer = self.param_groups, self.optimizer
        if len({bool(group["maximize"]) for group in groups}) > 1:
            raise ValueError("maximize must be the same for all groups")
        if self._seen is None:
            self._name()
        if optimizer.maximize != bool(groups[0]["maximize"]):
            optimizer.maximize = bool(groups[0]["maximize"])
        numbers = [self._numbers(group) for group in groups]
        if len(groups) == 1 or not numbers[0]:  # a Mixed has none of its own
            inner, (own, *_) = levels(optimizer)[-1], numbers
            for name, value in self._followed(0, own).items():
                if getattr(inner, name) != value:
                    setattr(inner, name, value)
        else:
            every = patterns(self._by_group)
            optimizer.groups = dict(zip(every, numbers, strict=True))  # which checks them
            if self._live:
                followed = [self._followed(place, own) for place, own in enumerate(numbers)]
                optimizer.groups = dict(zip(every, followed, strict=True))
        # The last one twice, as a tuple is made of two and more only.
        self._watched = [*(key for key in self._keys if key not in self._live), self._keys[-1]]
        self._read = itemgetter(*self._watched)
        self._seen = [tuple(map(number, self._read(group))) for group in groups]
        if self._engine is not None:
            self._engine.refresh()

    def _followed(self, place: int, own: Mapping[str, Any]) -> dict[str, Any]:
        """Return the numbers of a group, with a schedule instead of each that is read for each update."""
        found = dict(own)
        for key in self._live:
            names = self._names.of.get(key, (key,))
            for position, name in enumerate(names):
                del found[name]
                schedule = Live(self, place, key, position if len(names) > 1 else None)
                found["lr_scheduler" if name == "learning_rate" else name] = schedule
        return found

    def _follow(self, now: Sequence[Sequence[Any]]) -> None:
        """Take over settings that have changed; numbers among them are read for each update from then on."""
        new = set() if self._seen is None else changed(self._watched, self._seen, now)
        if not (self._engine.checks_schedules and traits_of(self.optimizer).runs_rule):  # which all ask for the rate
            new &= {"lr"}
        self._live |= new
        try:
            self._settle()
        except ValueError:
            if not new:
                raise
            self._live -= new  # one of them determines which state is kept, or is wrong
            self._settle()

    def _name(self) -> None:
        """Tell the optimizer the names of the parameters."""
        index, names = 0, dict[int, str]()
        self._by_group: list[list[str]] = []
        for group in self.param_groups:
            given = group.get("param_names", [])
            if given and len(given) != len(group["params"]):
                counts = f"{len(group['params'])} params, but {len(given)} param_names"
                raise ValueError(f"a group has {counts}: change both")
            for place, _ in enumerate(group["params"]):
                if given:
                    taken = given[place] in names.values()
                    names[index + place] = f"{given[place]}#{index + place}" if taken else given[place]
            own = range(index, index + len(group["params"]))
            self._by_group.append([names.get(one, str(one)) for one in own])
            index += len(group["params"])
        if names:
            self.optimizer.set_names(names, decay_by_name=self._options["decay_by_name"])

    # --- updates -----------------------------------------------------------------------------------------------------

    @_hooked
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update all parameters that have a gradient.

        Args:
            closure: computes the loss again, and the gradients.

        Returns:
            The loss, if there is a closure.
        """
        loss = None if closure is None else self._evaluated(closure)
        engine = self._current()
        if self._schedule is not None:
            for schedule, group in zip(self._schedules, self.param_groups, strict=True):
                group["lr"] = float(schedule(engine.count + 1))
        if (now := list(map(self._read, self.param_groups))) != self._seen:
            self._follow(now)
        if engine.takes_two:
            self._twice(closure)
        else:
            engine.step()
        return loss

    def _evaluated(self, closure: Callable[[], Any]) -> Any:
        with torch.enable_grad():
            loss = closure()
        if loss is not None:
            self.optimizer.observe(float(loss.detach()) if isinstance(loss, torch.Tensor) else loss)
        return loss

    def _twice(self, closure: Callable[[], Any] | None) -> None:
        """Make a step that needs the gradients at two places."""
        if closure is None:
            raise RuntimeError(f"{type(self.optimizer).__name__} computes gradients twice: call step(closure)")
        self._engine.step("first_step")
        with torch.enable_grad():
            closure()
        self._engine.step("second_step")

    @torch.compiler.disable
    def _uncompiled(self, closure: Callable[[], Any] | None) -> Any:
        """Make a step outside of a graph."""
        return self.step(closure)

    def _current(self) -> Any:
        """Return the engine, a new one if there are other parameters in the groups than before."""
        engine, groups = self._engine, self.param_groups
        params = groups[0]["params"] if len(groups) == 1 else _flat(groups)
        if engine is None:
            return self._made()
        if len(params) == len(engine.params) and all(map(is_, params, engine.params)):
            return engine
        engine.sync()
        self._seen = None  # they have other names
        new = self._made()
        new.count = max(new.count, engine.count)
        return new

    def _made(self) -> Any:
        """Return a new engine, with the states that torch has of the parameters."""
        params, state, saved = _flat(self.param_groups), self._state, dict(self._state)
        for key in saved:
            if isinstance(key, torch.Tensor):
                del state[key]
        try:
            engine = self._chosen(params)
            engine.extend(params)
            for index, param in enumerate(params):
                if own := saved.get(param):
                    engine.read(index, own)
        except BaseException:
            state.clear()
            state.update(saved)
            raise
        self._engine = engine
        return engine

    def _chosen(self, params: Sequence[torch.Tensor]) -> Any:
        """Return an engine for the devices on which parameters are."""
        asked = self._options["engine"]
        memory = asked == "memory" or (asked == "auto" and not self._options["compile"] and has_memory(params))
        if memory:
            return Memory(self.optimizer, self._state)
        if asked == "offload":
            return Offload(self.optimizer, self._state)
        return Operations(self.optimizer, self._state, compile=self._options["compile"])

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Put the evaluation weights in place for a block, as :meth:`mxcore.optimizer.Updater.evaluating` does."""
        with self._current().evaluating():
            yield

    # --- state -------------------------------------------------------------------------------------------------------

    @property
    def state(self) -> Any:
        """The state of each parameter, as tensors that share memory with ours, and numbers.

        The next step takes over what has been changed here.
        """
        if self._engine is not None:
            self._engine.sync()
        return self._state

    @state.setter
    def state(self, state: Any) -> None:
        self._state, self._engine = state, None

    def torch_state_dict(self) -> dict[str, Any]:
        """Return the state as the algorithm of ``torch.optim`` can load it.

        Raises:
            ValueError: there is none of this name.
        """
        return to_torch(self.state_dict(), self._names, self.optimizer)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state, copying it: one of this class, or of the same algorithm of ``torch.optim``.

        Raises:
            ValueError: it does not fit; nothing has changed then.
        """
        before = dict(vars(self))
        try:
            super().load_state_dict(from_torch(state_dict, self._names, self.optimizer, self.param_groups))
        except BaseException:
            self.__dict__.update(before)
            self._seen = None
            self._settle()
            raise

    def __getstate__(self) -> dict[str, Any]:
        own = ("optimizer", "_schedule", "_schedules", "_options", "_keys", "_live")
        return {**super().__getstate__(), **{name: vars(self)[name] for name in own}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.state = self.__dict__.pop("state")
        self._names, self._seen = Names(self.optimizer), None
        for group in self.param_groups:
            for key in self._keys:
                group.setdefault(key, self.defaults[key])
        self._settle()
        self._made()


def _flat(groups: Sequence[Mapping[str, Any]]) -> list[torch.Tensor]:
    """Return the parameters of all groups."""
    return [param for group in groups for param in group["params"]]
