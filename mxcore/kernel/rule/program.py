"""The records that an optimizer passes to a backend: programs, parameters, and their storage."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

import attrs
import numpy as np

from mxcore.backend import Array
from mxcore.kernel.rule.slot import INNER, Slot
from mxcore.kernel.run.layout import Layout, layout_of

Decay = Literal["before_clip", "after_clip", "decoupled", "own"]
"""Where weight decay enters. With G the rescaled gradient and C the clipping: ``before_clip`` is C(G + wd·w),
``after_clip`` C(G) + wd·w, ``decoupled`` w·(1 - lr·wd) before the step; with ``own`` the rule applies ``wd`` itself."""


Row = tuple[Any, ...]
"""The numbers of one parameter's step: its learning rate, decay and count, the highest count, its host slots, and what
else varies.

Their names are in :attr:`Program.row`. It is a plain tuple, since every step creates one: creating a named tuple takes
a good part of a microsecond, and a short step only four.
"""
COUNTED = ("lr", "wd", "t", "num_update")
"""The numbers that every row starts with."""
SIZE, NDIM = OF_SHAPE = ("weight.size", "weight.ndim")
"""What follows from the shape of the weight. A rule takes it as ``size`` and ``ndim``, unless these are the names of
hyper-parameters."""
OF_ALL = (*COUNTED, *OF_SHAPE, "rescale_grad", "clip_gradient", "raw_grad", "noise")
"""What a wrapper's rule and the rule inside it share, under the same names."""
TINY = 1e-6
"""Added to the norm of all gradients before dividing by it, as in torch."""
HIGHEST = COUNTED.index("num_update")
"""The position of the highest count in a row."""

# The largest number of each half-precision dtype, and the arrays that are not state.
_LARGEST = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38}
_WEIGHTS = ("weight", "half_weight", "grad")
_REAL = {"complex64": "float32", "complex128": "float64"}


class RuleError(TypeError):
    """A rule cannot be traced; the message names the rule and what to use instead."""

    __module__ = "mxcore.kernel"


@functools.lru_cache(maxsize=256)
def keywords(rule: Callable[..., Any]) -> Mapping[str, bool]:
    """Return the parameters of a rule besides ``weight`` and ``grad``, and whether each is optional.

    Raises:
        TypeError: its first two parameters are not ``weight, grad``, or it takes ``*args`` or ``**kwargs``.
    """
    parameters = list(inspect.signature(rule).parameters.values())
    if [parameter.name for parameter in parameters[:2]] != ["weight", "grad"]:
        raise TypeError(f"rule {rule.__qualname__} must start with (weight, grad, …), got {inspect.signature(rule)}")
    if any(parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) for parameter in parameters):
        raise TypeError(f"rule {rule.__qualname__} must name all its parameters: no *args or **kwargs")
    return {parameter.name: parameter.default is not parameter.empty for parameter in parameters[2:]}


def weakly(rule: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a rule so that, with NumPy arrays, its keywords are :func:`~mxcore.kernel.rule.operand.weak` numbers."""

    @functools.wraps(rule)
    def applied(*arrays: Any, **others: Any) -> Any:
        if any(isinstance(one, np.ndarray) for one in (*arrays, *others.values())):
            from mxcore.kernel.rule.operand import weak

            others = {name: weak(value) for name, value in others.items()}
        return rule(*arrays, **others)

    return applied


@attrs.frozen(slots=False)
class Program:
    """A rule with everything that is the same for all parameters, except numbers.

    >>> import numpy as np
    >>> def rule(weight, grad, *, lr):
    ...     return weight - lr * grad
    >>> program = Program("Plain", rule, (), "after_clip", ("lr",), rescales=False)
    >>> program.apply(np, {"weight": np.ones(2), "grad": np.ones(2)}, {"lr": 0.5})
    array([0.5, 0.5])

    Args:
        owner: the optimizer's class name, for messages.
        rule: the function.
        slots: its slots, in the order in which the rule returns them.
        decay: where weight decay enters.
        numbers: the names of the numbers that the rule takes.
        decays: whether there is weight decay at all.
        clips: whether gradients are clipped.
        rescales: whether gradients are rescaled by a factor other than 1.
        bounds: whether the norm of all gradients together is bounded.
        unscales: whether gradients arrive scaled, or are to be followed upwards.
        varying: further numbers that may differ between parameters or updates.
        common: those of them that all parameters share.
        inner: for a wrapper, the program that its rule calls as ``inner``. Its slots come last, with names that start
            with ``inner/``.
    """

    owner: str
    rule: Callable[..., Any]
    slots: tuple[Slot, ...]
    decay: Decay
    numbers: tuple[str, ...]
    decays: bool = False
    clips: bool = False
    rescales: bool = True
    bounds: bool = False
    unscales: bool = False
    varying: tuple[str, ...] = ()
    common: tuple[str, ...] = ()
    inner: Program | None = None

    def __attrs_post_init__(self) -> None:
        if self.decay not in get_args(Decay):
            raise TypeError(f"{self.owner}.decay must be one of {', '.join(get_args(Decay))}, got {self.decay!r}")
        if missing := [name for name in self._own_slots if name not in keywords(self.rule)]:
            raise TypeError(f"{self.owner}.rule does not take its slot {missing[0]!r}: add it to the rule's parameters")
        if self.inner and not self.takes("inner"):
            raise TypeError(f"{self.owner}.rule does not take inner: a wrapper's rule calls inner(weight, grad) once")
        if self.takes("wd") and self.decay != "own" and not self.inner:
            raise TypeError(
                f"{self.owner}.rule takes wd, but weight decay is applied before it: set decay = 'own', or remove wd"
            )

    def takes(self, name: str) -> bool:
        """Return whether the rule takes ``name``."""
        return name in keywords(self.rule)

    @property
    def noisy(self) -> bool:
        """Whether the rule, or one inside it, takes ``noise``."""
        return self.takes("noise") or bool(self.inner and self.inner.noisy)

    @property
    def _own_slots(self) -> list[str]:
        """The names of the slots, without those of the rule inside."""
        return [slot.name for slot in self.slots if not slot.name.startswith(INNER)]

    @property
    def array_slots(self) -> tuple[str, ...]:
        """The names of the slots that are arrays."""
        return tuple(slot.name for slot in self.slots if not slot.on_host)

    @property
    def row(self) -> tuple[str, ...]:
        """The names of the numbers that may differ between parameters."""
        return (*COUNTED, *(slot.name for slot in self.slots if slot.on_host), *self.varying)

    @property
    def arrays(self) -> tuple[str, ...]:
        """The names of the arrays that the rule takes."""
        return ("weight", "grad", *self.array_slots, *(["noise"] if self.noisy else []))

    @property
    def all_numbers(self) -> tuple[str, ...]:
        """The names of all numbers of a step, both those that the rule takes and those applied before it."""
        before = ["unscale"] * self.unscales + ["rescale_grad"] * self.rescales + ["clip_global_norm"] * self.bounds
        before += ["clip_gradient"] * self.clips
        before += ["wd"] * (self.decays and self.decay != "own") + ["lr"] * (self.decays and self.decay == "decoupled")
        inner = [name if name in OF_ALL else INNER + name for name in self.inner.all_numbers] if self.inner else []
        return tuple(dict.fromkeys([*self.numbers, *before, *inner]))

    def apply(self, xp: Any, arrays: Mapping[str, Any], numbers: Mapping[str, Any]) -> Any:
        """Apply what all algorithms share (rescaling, clipping and weight decay), and then the rule; return its result.

        Args:
            xp: the array library, or NumPy if symbols stand in for arrays.
            arrays: the arrays named in :attr:`arrays`.
            numbers: the numbers named in :attr:`all_numbers`.
        """
        if xp is np:
            from mxcore.kernel.rule.operand import weak  # here, since it loads the tables of the language

            numbers = {name: weak(value) for name, value in numbers.items()}
        raw_grad = arrays["grad"] * numbers["unscale"] if self.unscales else arrays["grad"]
        grad = raw_grad * numbers["rescale_grad"] if self.rescales else raw_grad
        if self.bounds:
            from mxcore.kernel.rule.reduction import norm

            grad = grad * xp.minimum(numbers["clip_global_norm"] / (norm(grad, over="all") + TINY), 1)
        return self._applied(xp, arrays["weight"], grad, {**arrays, **numbers, "raw_grad": raw_grad})

    def _applied(self, xp: Any, weight: Any, grad: Any, given: Mapping[str, Any]) -> Any:
        """Apply clipping, weight decay and the rule to a rescaled gradient."""
        if self.inner:
            return self._around(self.inner, xp, weight, grad, given)
        if self.decays and self.decay == "before_clip":
            grad = grad + given["wd"] * weight
        if self.clips:
            grad = xp.clip(grad, -given["clip_gradient"], given["clip_gradient"])
        if self.decays and self.decay == "after_clip":
            grad = grad + given["wd"] * weight
        if self.decays and self.decay == "decoupled":
            weight = weight * (1 - given["lr"] * given["wd"])
        return self._called(weight, grad, given)

    def _called(self, weight: Any, grad: Any, given: Mapping[str, Any]) -> Any:
        keys = {name: name if name in given else f"weight.{name}" for name in keywords(self.rule)}
        return self.rule(weight, grad, **{name: given[key] for name, key in keys.items() if key in given})

    def _around(self, program: Program, xp: Any, weight: Any, grad: Any, given: Mapping[str, Any]) -> Any:
        """Call a wrapper's rule; return what it returns, followed by the new slots of the program inside."""
        of_inner = {name.removeprefix(INNER): one for name, one in given.items() if name.startswith(INNER)}
        of_inner |= {name: one for name, one in given.items() if name in OF_ALL}
        results: list[tuple[Any, dict[str, Any]]] = []

        def inner(weight: Any, grad: Any) -> Any:
            results.append(program.unpack(program._applied(xp, weight, grad, of_inner)))
            return results[-1][0]

        result = self._called(weight, grad, {**given, "inner": inner})
        if len(results) != 1:
            raise TypeError(f"{self.owner}.rule must call inner(weight, grad) once, and called it {len(results)} times")
        new_weight, slots = self._unpacked(result, self._own_slots)
        return (new_weight, *slots.values(), *results[0][1].values())

    def slot_arrays(self, label: str, weight: Array, arrays: Sequence[Array]) -> dict[str, Array]:
        """Return the arrays of a state, keyed by slot name.

        Args:
            label: what to call the parameter in messages.
            weight: the array that the rule is applied to.
            arrays: the arrays of the state, in order.

        Raises:
            ValueError: they are not the arrays that the rule keeps, or differ from the weight in shape or dtype.
        """
        names = self.array_slots
        if len(arrays) != len(names):
            raise ValueError(
                f"{label}: {self.owner} keeps {', '.join(names) or 'no state'}, got {len(arrays)} array(s): "
                "a hyper-parameter that determines which state is kept cannot change between updates"
            )
        for name, array in zip(names, arrays, strict=True):
            if (array.shape, array.dtype) != (weight.shape, weight.dtype):
                raise ValueError(
                    f"{label}: its {name} is {array.dtype} of shape {array.shape}, the weight {weight.dtype} of shape "
                    f"{weight.shape}"
                )
        return dict(zip(names, arrays, strict=True))

    def unpack(self, result: Any) -> tuple[Array, dict[str, Any]]:
        """Split a rule's return value into the new weight and the new slots by name."""
        return self._unpacked(result, [slot.name for slot in self.slots])

    def _unpacked(self, result: Any, slots: Sequence[str]) -> tuple[Array, dict[str, Any]]:
        values: Sequence[Any] = result if isinstance(result, tuple) else (result,)
        if len(values) != 1 + len(slots) or result is None or isinstance(result, list):
            names = ", ".join(["weight", *slots])
            kinds = {list: "a list", type(None): "None: is its return missing?"}
            got = kinds.get(type(result), f"{len(values)} value(s)")
            raise TypeError(f"{self.owner}.rule must return ({names}), got {got}")
        return values[0], dict(zip(slots, values[1:], strict=True))


@attrs.frozen(eq=False, repr=False, slots=False)
class Member:
    """A parameter in a plan: its arrays, which stay the same from step to step.

    >>> import numpy as np
    >>> weight, master = np.ones(2, np.float16), np.ones(2, np.float32)
    >>> Member("parameter 'w'", weight, np.ones(2, np.float16), master, {}).computed.dtype
    dtype('float32')

    Args:
        label: what to call the parameter in messages.
        weight: the array that is updated, in place.
        grad: its gradient, as passed by the caller; never written to.
        master: the float32 copy that is updated instead of a half-precision weight, or None.
        arrays: the array slots by name, updated in place.
        static: numbers of the rule that never change and that it may branch on: flags.
        noise_key: the key of this parameter's random numbers, if the rule takes ``noise``.
    """

    label: str
    weight: Array
    grad: Array
    master: Array | None
    arrays: Mapping[str, Array]
    static: Mapping[str, Any] = attrs.field(factory=dict)
    noise_key: object = None

    @property
    def computed(self) -> Array:
        """The array that the rule updates, which is the master if there is one, or else the weight."""
        return self.weight if self.master is None else self.master

    @property
    def handed_over(self) -> tuple[Array, ...]:
        """The weight, gradient, master if there is one, and slots, in the order in which plans receive them."""
        masters = () if self.master is None else (self.master,)
        return (self.weight, self.grad, *masters, *self.arrays.values())

    @functools.cached_property
    def layouts(self) -> tuple[Layout, ...]:
        """The memory layouts of these arrays."""
        return tuple(map(layout_of, self.handed_over))


@attrs.frozen(slots=False)
class Storage:
    """The dtypes in which the arrays of a rule are stored.

    Complex numbers are computed as pairs of real ones, and half precision in float32. Without a master, every array is
    stored in half precision and rounded once per step. With a master, ``weight``, only the gradient is, and
    ``half_weight``, which is written along with it.

    A master follows what the user writes into the half-precision weight: the rule starts from the master if rounding
    it gives that weight, or else from the weight.

    Args:
        dtype: what the rule computes in, ``"float32"`` or ``"float64"``.
        half: ``"float16"`` or ``"bfloat16"`` for half-precision weights, or None.
        master: whether half-precision weights have float32 masters.
    """

    dtype: str
    half: str | None = None
    master: bool = False

    @classmethod
    def of(cls, member: Member) -> Storage:
        """Return the storage of a parameter."""
        dtype = _REAL.get(member.weight.dtype.name, member.weight.dtype.name)
        return cls("float32", dtype, member.master is not None) if member.weight.dtype.itemsize == 2 else cls(dtype)

    def columns(self, arrays: Iterable[str]) -> tuple[str, ...]:
        """Return the arrays of a rule, with the half-precision weight if there is a master."""
        return (*arrays, *(["half_weight"] if self.master else []))

    def in_half(self, name: str) -> bool:
        """Return whether an array is stored in half precision."""
        return self.half is not None and name != "noise" and (not self.master or name in ("grad", "half_weight"))

    def bound(self, name: str) -> float | None:
        """Return the largest number that half-precision state can hold, to which it is clipped; None for other arrays.

        An infinity would turn the weight into NaN at the next step if a rule divides by it.
        """
        return _LARGEST[self.half] if self.half and self.in_half(name) and name not in _WEIGHTS else None

    def read(self, arrays: Iterable[str]) -> set[str]:
        """Return the arrays to read in order to have these: a master is compared with its weight."""
        read = set(arrays)
        return {*read, "half_weight"} if self.master and "weight" in read else read
