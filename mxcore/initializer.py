"""Initializers: give a parameter its first values, by its name.

>>> import numpy as np, mxcore as mx
>>> weight = np.empty((4, 3), np.float32)
>>> mx.random.seed(1)
1
>>> mx.init.create("xavier")("fc_weight", weight)
>>> bias = np.empty(4, np.float32)
>>> mx.init.create("xavier")("fc_bias", bias)
>>> bias
array([0., 0., 0., 0.], dtype=float32)

The name decides: a name that ends in ``weight`` gets what the class draws, ``bias`` and ``beta`` get 0, ``gamma`` gets
1. (MXNet's page says that the base class sets a bias to 1. Its code sets 0, and so does this.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import numpy.typing as npt

from mxcore import random
from mxcore.backend import Array, backend_of
from mxcore.catalogue.registry import Registry, from_file
from mxcore.declarations import Algorithm, boolean, hyperparameter, hyperparameters, integer

__all__ = ["InitDesc", "Initializer", "TextOfFile", "VarianceScaling", "alias", "create", "is_from_file", "register"]

# Whether an initializer is at work that may delegate to others: only the outermost one tells the hooks.
_at_work: ContextVar[bool] = ContextVar("at_work", default=False)


class TextOfFile(str):
    """Text of an initializer that a file holds: what it names may neither read files nor take its time.

    >>> import mxcore as mx
    >>> text = mx.init.TextOfFile('["load", {"param": "/etc/passwd"}]')
    >>> mx.init.Zero()(mx.init.InitDesc("w", {"__init__": text}), np.ones(2))
    Traceback (most recent call last):
        ...
    ValueError: an initializer that a file names may not read another file, '/etc/passwd': ...
    """


def is_from_file() -> bool:
    """Whether an initializer is being made, or run, that a file names.

    A class asks this before it does what a file may not make it do, such as reading another one.

    >>> import numpy as np, mxcore as mx
    >>> @mx.init.register
    ... class Telling(mx.init.Initializer):
    ...     def _init_weight(self, desc, array):
    ...         print(mx.init.is_from_file())
    >>> for text in ('["telling", {}]', mx.init.TextOfFile('["telling", {}]')):
    ...     mx.init.Zero()(mx.init.InitDesc("w_weight", {"__init__": text}), np.ones(2))
    False
    True
    """
    return from_file.get()


class InitDesc(str):
    """A parameter's name, with what is known about it.

    >>> import numpy as np, mxcore as mx
    >>> desc = mx.init.InitDesc("fc_bias", {"__init__": mx.init.One().dumps()})
    >>> bias = np.zeros(2)
    >>> mx.init.Xavier()(desc, bias)
    >>> bias
    array([1., 1.])

    Args:
        name: the parameter's name.
        attrs: its attributes, text by name; ``__init__`` holds the text of an initializer of its own.
        global_init: the initializer of the whole model, to which others may delegate.
    """

    attrs: dict[str, str]
    global_init: Initializer | None

    def __new__(
        cls, name: str, attrs: Mapping[str, str] | None = None, global_init: Initializer | None = None
    ) -> InitDesc:
        """Make the name, a str with attributes."""
        desc = super().__new__(cls, name)
        desc.attrs = dict(attrs or {})
        desc.global_init = global_init
        return desc


# What the end of a name means: the first that fits.
_SUFFIXES = {
    "weight": "_init_weight",
    "bias": "_init_bias",
    "gamma": "_init_gamma",
    "beta": "_init_beta",
    "min": "_init_zero",
    "max": "_init_one",
    "weight_quantize": "_init_quantized_weight",
    "bias_quantize": "_init_zero",
}
# A plain text name, which can carry no attributes, is also searched for the layers that MXNet knows by name.
_PLAIN_PREFIXES = {"upsampling": "_init_bilinear", "stn_loc": "_init_loc"}
_PLAIN_SUFFIXES = {
    **_SUFFIXES,
    "moving_mean": "_init_zero",
    "moving_var": "_init_one",
    "moving_inv_var": "_init_zero",
    "moving_avg": "_init_zero",
}


class Initializer(Algorithm):
    """Base class of all initializers. Call one with a parameter's name and its array, which is filled in place.

    There are two ways to write one:

    * define ``values(desc, shape, rng)``, which returns the values of a weight as a host array. ``rng`` is a
      :class:`mxcore.random.Generator` that depends on the seed and on the parameter's name alone and draws in the
      parameter's precision. The values are cast and copied to wherever the parameter lives (what is returned as it
      was drawn needs no copy there);
    * as in MXNet, define ``_init_weight(desc, array)``, which fills the array.

    Override ``_init_bias``, ``_init_gamma``, ``_init_beta`` and the like to change what those names get.

    >>> import mxcore as mx
    >>> @mx.init.register
    ... class Half(mx.init.Initializer):
    ...     def _init_weight(self, desc, array):
    ...         array[:] = 0.5
    >>> mx.init.create("half").dumps()
    '["half", {}]'

    Args:
        kwargs: for a class with a constructor of its own, the arguments that ``dumps()`` shall repeat.
    """

    def moments(self, shape: tuple[int, ...]) -> tuple[float, float] | None:
        """Mean and standard deviation of a weight's values; None for a class that does not state them."""
        return None

    _verbose = False
    _print_func: Callable[[Array], str] | None = None
    _kwargs: Mapping[str, Any] = {}

    def __init__(self, **kwargs: Any) -> None:
        self._kwargs = kwargs

    def __call__(self, desc: str, array: Array) -> None:
        """Fill ``array``, of any shape and floating or complex dtype, in place.

        Random values of a complex array are drawn for both parts, each with half of the variance.

        Args:
            desc: the parameter's name: an :class:`InitDesc`, or plain text.
            array: a NumPy or CuPy array.

        Raises:
            TypeError: ``desc`` is no text, or ``array`` no array, masked, or of integers or booleans.
            ValueError: no rule covers the name, or the class cannot initialise an array of this shape.
        """
        if not isinstance(desc, str):
            raise TypeError(f"the name of a parameter must be text, got {desc!r}")
        if not backend_of(array).is_writable(array):
            raise ValueError(f"cannot initialise {str(desc)!r}: the array is read-only")
        if isinstance(desc, InitDesc) and desc.global_init is None:
            desc.global_init = self
        token = _at_work.set(True)
        try:
            with random.scope(desc):
                self._fill(desc, array)
        finally:
            _at_work.reset(token)
        if self._verbose:
            import logging  # here, not to be felt in `import mxcore`

            name, statistic = registry.name_of(type(self)), (self._print_func or _root_mean_square)(array)
            logging.getLogger(__name__).info("Initialized %s as %s: %s", desc, name, statistic)
        if not _at_work.get():
            from mxcore import hooks  # pluggy is imported by the first use, not by `import mxcore`

            hooks.call("mxcore_initialized", initializer=self, desc=desc, array=array)

    def _fill(self, desc: str, array: Array) -> None:
        """Fill ``array`` by the initializer that the parameter carries, if it carries one, or else by its name."""
        own = desc.attrs.get("__init__") if isinstance(desc, InitDesc) else None
        if not own:
            self._dispatch(desc, array)
            return
        token = from_file.set(isinstance(own, TextOfFile))
        try:
            create(own)._init_weight(desc, array)
        finally:
            from_file.reset(token)

    def _dispatch(self, desc: str, array: Array) -> None:
        """Fill ``array`` by the method that the parameter's name asks for; override to choose in another way."""
        _check_dtype(desc, array)
        getattr(self, _method_for(desc))(desc, array)

    def values(self, desc: str, shape: tuple[int, ...], rng: random.Generator) -> npt.ArrayLike:
        """The values of a weight, as something that broadcasts to ``shape``; subclasses define this."""
        raise NotImplementedError(f"{type(self).__name__} must define values(desc, shape, rng) or _init_weight")

    def _init_weight(self, desc: str, array: Array) -> None:
        _check_dtype(desc, array)
        rng = random.generator(desc, dtype=array.dtype, out=array)
        values = np.asarray(self.values(desc, array.shape, rng))
        if values is not array:  # else it was drawn in place
            backend_of(array).fill(array, values)

    def _init_zero(self, desc: str, array: Array) -> None:
        backend_of(array).fill(array, 0)

    def _init_one(self, desc: str, array: Array) -> None:
        backend_of(array).fill(array, 1)

    _init_bias = _init_beta = _init_zero
    _init_gamma = _init_one

    def _init_quantized_weight(self, desc: str, array: Array) -> None:
        backend_of(array).fill(array, random.generator(desc).integers(-127, 128, array.shape))

    def _init_bilinear(self, desc: str, array: Array) -> None:
        create("bilinear")._init_weight(desc, array)

    def _init_loc(self, desc: str, array: Array) -> None:
        if desc.endswith("bias"):
            self._init_loc_bias(desc, array)
        else:
            self._init_zero(desc, array)

    def _init_loc_bias(self, desc: str, array: Array) -> None:
        if array.shape != (6,):
            raise ValueError(f"{str(desc)!r} must have shape (6,), an affine transform of the plane, got {array.shape}")
        backend_of(array).fill(array, np.array([1, 0, 0, 0, 1, 0]))

    def _init_default(self, desc: str, array: Array) -> None:
        raise ValueError(
            f"no rule says how to initialise {str(desc)!r}: names end in {', '.join(_SUFFIXES)}. "
            "Rename it, or give it an initializer of its own: Variable(init=…), InitDesc(name, {'__init__': …})"
        )

    def set_verbosity(self, verbose: bool = False, print_func: Callable[[Array], str] | None = None) -> Initializer:
        """Log a line for each parameter initialised; ``print_func`` makes its text, by default norm(x)/√size."""
        self._verbose = verbose
        self._print_func = print_func
        return self

    def dumps(self) -> str:
        """The initializer as text, ``["name", {arguments}]``, from which :func:`create` makes an equal one."""
        import json  # here, not to be felt in `import mxcore`

        return json.dumps([registry.name_of(type(self)), _as_json(self._arguments())])

    def _arguments(self) -> Mapping[str, Any]:
        return super()._arguments() if attrs.has(type(self)) else self._kwargs

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other) or not isinstance(other, Initializer):
            return NotImplemented
        return bool(_as_json(self._arguments()) == _as_json(other._arguments()))

    __hash__ = None  # type: ignore[assignment]  # mutable, and compared by value


@hyperparameters
class VarianceScaling(Initializer):
    r"""Base class of initializers whose variance follows from the fans of a layer: the inputs and outputs of a unit.

    A weight of shape (out, in, k1, k2, …) has :math:`fan_{in} = in \cdot k_1 k_2 \cdots` and
    :math:`fan_{out} = out \cdot k_1 k_2 \cdots`.

    >>> import mxcore as mx
    >>> kernel = mx.init.Xavier(transposed=True)
    >>> [kernel.fan(kind, (3, 8, 5, 5)) for kind in ("in", "out", "avg")]
    [75.0, 200, 137.5]

    Args:
        transposed: whether the weight has the shape (in, out, k1, k2, …): then the two fans change places.
        groups: the groups of a grouped convolution, whose weight has only the channels of one group on its second axis:
            the fan of the first axis is divided by their number.
    """

    transposed: bool = hyperparameter(False, boolean, kw_only=True)
    groups: int = hyperparameter(1, integer(at_least=1), kw_only=True)

    if TYPE_CHECKING:  # the constructor is generated, from the hyper-parameters of each class

        def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def check_shape(self, desc: str, shape: tuple[int, ...]) -> None:
        """Raise a ValueError where a weight of this shape has no fans."""
        if len(shape) < 2:
            who = type(self).__name__
            raise ValueError(f"{who} needs at least two axes, (out, in, …): {str(desc)!r} has shape {shape}")
        if shape[0] % self.groups:
            raise ValueError(
                f"{str(desc)!r} has shape {shape}, whose first axis has no groups={self.groups} equal parts"
            )

    def fan(self, kind: str, shape: tuple[int, ...]) -> float:
        """The fan of a weight of this shape: ``"in"``, ``"out"``, or the mean of the two, ``"avg"``."""
        kernel = math.prod(shape[2:])
        fans = [shape[1] * kernel, shape[0] * kernel / self.groups]
        fan_in, fan_out = fans[::-1] if self.transposed else fans
        return {"avg": (fan_in + fan_out) / 2, "in": fan_in, "out": fan_out}[kind]

    def _arguments(self) -> Mapping[str, Any]:
        """Without those that MXNet does not have, where they say nothing."""
        silent = {"transposed": False, "groups": 1}
        return {name: value for name, value in super()._arguments().items() if silent.get(name) != value}


def _check_dtype(desc: str, array: Array) -> None:
    if array.dtype.kind in "biu" and not desc.endswith("quantize"):
        raise TypeError(
            f"cannot initialise {str(desc)!r}: it is {array.dtype}, which holds no such values; pass floats"
        )


def _method_for(desc: str) -> str:
    """The name of the method that initialises a parameter of this name."""
    prefixes, suffixes = ({}, _SUFFIXES) if isinstance(desc, InitDesc) else (_PLAIN_PREFIXES, _PLAIN_SUFFIXES)
    by_prefix = [method for prefix, method in prefixes.items() if desc.startswith(prefix)]
    by_suffix = [method for suffix, method in suffixes.items() if desc.endswith(suffix)]
    return [*by_prefix, *by_suffix, "_init_default"][0]


def _as_json(value: Any) -> Any:
    """Arguments as JSON has them: arrays and tuples as lists, initializers as their text."""
    if isinstance(value, Initializer):
        return value.dumps()
    if isinstance(value, Mapping):
        return {str(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    return backend_of(value).to_host(value).tolist() if hasattr(value, "shape") else value


def _root_mean_square(array: Array) -> str:
    values = backend_of(array).to_host(array).astype(np.float64)
    return str(np.linalg.norm(values) / max(values.size, 1) ** 0.5)


registry: Registry[Initializer] = Registry("initializer", Initializer)
register, alias, create = registry.register, registry.alias, registry.create
__getattr__, __dir__ = registry.lazily(__name__, __all__)
