"""Initializers: set the initial values of a parameter, depending on its name.

>>> import numpy as np, mxcore as mx
>>> weight = np.empty((4, 3), np.float32)
>>> mx.random.seed(1)
1
>>> mx.init.create("xavier")("fc_weight", weight)
>>> bias = np.empty(4, np.float32)
>>> mx.init.create("xavier")("fc_bias", bias)
>>> bias
array([0., 0., 0., 0.], dtype=float32)

The end of the name decides: ``weight`` gets the values of the class, ``bias`` and ``beta`` get 0, ``gamma`` gets 1.
(MXNet's documentation says that the base class sets a bias to 1. Its code sets 0, and so does mxcore.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, cast

import attrs
import numpy as np
import numpy.typing as npt

from mxcore import random
from mxcore.backend import Array, backend_of
from mxcore.catalogue.registry import Registry, from_file
from mxcore.declarations import Algorithm
from mxcore.presenting import hand_over

__all__ = ["InitDesc", "Initializer", "TextOfFile", "alias", "create", "is_from_file", "register"]

# Whether an initializer is running. It may delegate to others, but only the outermost one calls the hooks.
_at_work: ContextVar[bool] = ContextVar("at_work", default=False)


class TextOfFile(str):
    """An initializer as a string that came from a file: the initializer must not read files or take a long time.

    >>> import mxcore as mx
    >>> text = mx.init.TextOfFile('["load", {"param": "/etc/passwd"}]')
    >>> mx.init.Zero()(mx.init.InitDesc("w", {"__init__": text}), np.ones(2))
    Traceback (most recent call last):
        ...
    ValueError: an initializer that a file names may not read another file, '/etc/passwd': ...
    """


def is_from_file() -> bool:
    """Return whether the initializer that is being created or run was named by a file.

    Check it in a class before doing what a file must not be able to trigger, such as reading another file.

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
    """A parameter's name, with its attributes.

    >>> import numpy as np, mxcore as mx
    >>> desc = mx.init.InitDesc("fc_bias", {"__init__": mx.init.One().dumps()})
    >>> bias = np.zeros(2)
    >>> mx.init.Xavier()(desc, bias)
    >>> bias
    array([1., 1.])

    Args:
        name: the parameter's name.
        attrs: its attributes, strings by name; ``__init__`` holds its own initializer, as the string from ``dumps()``.
        global_init: the initializer of the whole model, to which its own may delegate.
    """

    attrs: dict[str, str]
    global_init: Initializer | None

    def __new__(
        cls, name: str, attrs: Mapping[str, str] | None = None, global_init: Initializer | None = None
    ) -> InitDesc:
        """Create the name, a str with attributes."""
        desc = super().__new__(cls, name)
        desc.attrs = dict(attrs or {})
        desc.global_init = global_init
        return desc


# What the end of a name means: the first match counts.
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
# A plain str cannot carry attributes, so it is also searched for the layer names that MXNet recognises.
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
      :class:`mxcore.random.Generator` that depends only on the seed and the parameter's name, and draws in the
      parameter's precision. The values are cast and copied to the parameter's device (if you return a draw unchanged,
      no copy is needed);
    * as in MXNet, define ``_init_weight(desc, array)``, which fills the array.

    Override ``_init_bias``, ``_init_gamma``, ``_init_beta`` and so on to change what those names get.

    >>> import mxcore as mx
    >>> @mx.init.register
    ... class Half(mx.init.Initializer):
    ...     def _init_weight(self, desc, array):
    ...         array[:] = 0.5
    >>> mx.init.create("half").dumps()
    '["half", {}]'

    Args:
        kwargs: for a class with its own constructor, the arguments that ``dumps()`` should include.
    """

    def moments(self, shape: tuple[int, ...]) -> tuple[float, float] | None:
        """Mean and standard deviation of a weight's values, or None if the class does not define them."""
        return None

    _verbose = False
    _print_func: Callable[[Array], str] | None = None

    def __init__(self, **kwargs: Any) -> None:
        self._kwargs = kwargs

    @property
    def _kwargs(self) -> Any:
        """The arguments, as MXNet's classes read them: those given to ``Initializer``, or those of ``dumps()``."""
        return vars(self)["_kwargs"] if "_kwargs" in vars(self) else _as_json(self._arguments())

    @_kwargs.setter
    def _kwargs(self, kwargs: Mapping[str, Any]) -> None:
        vars(self)["_kwargs"] = kwargs

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        hand_over(cls, [name for name in vars(cls) if name.startswith("_init_") or name == "__call__"])

    def __call__(self, desc: str, array: Array) -> None:
        """Fill ``array``, of any shape and floating or complex dtype, in place.

        For a complex array, both parts are drawn, each with half the variance.

        Args:
            desc: the parameter's name: an :class:`InitDesc` or a plain str.
            array: a NumPy or CuPy array.

        Raises:
            TypeError: ``desc`` is not a str, or ``array`` is not an array, is masked, or holds integers or booleans.
            ValueError: no rule covers the name, or the class cannot initialise an array of this shape.
        """
        if not isinstance(desc, str):
            raise TypeError(f"the name of a parameter must be a string, got {desc!r}")
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
            import logging  # here, to keep `import mxcore` fast

            name, statistic = registry.name_of(type(self)), (self._print_func or _root_mean_square)(array)
            logging.getLogger(__name__).info("Initialized %s as %s: %s", desc, name, statistic)
        if not _at_work.get():
            from mxcore import hooks  # here, so that `import mxcore` does not import pluggy

            hooks.call("mxcore_initialized", initializer=self, desc=desc, array=array)

    def _fill(self, desc: str, array: Array) -> None:
        """Fill ``array`` with the parameter's own initializer, if it has one, or else as its name says."""
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
        """Fill ``array`` with the method that the parameter's name selects; override to select it differently."""
        _check_dtype(desc, array)
        getattr(self, _method_for(desc))(desc, array)

    def values(self, desc: str, shape: tuple[int, ...], rng: random.Generator) -> npt.ArrayLike:
        """Return the values of a weight, in a shape that broadcasts to ``shape``; override this in a subclass."""
        raise NotImplementedError(f"{type(self).__name__} must define values(desc, shape, rng) or _init_weight")

    def _init_weight(self, desc: str, array: Array) -> None:
        _check_dtype(desc, array)
        rng = random.generator(desc, dtype=array.dtype, out=array)
        values = np.asarray(self.values(desc, array.shape, rng))
        if values is not array:  # otherwise it was filled in place
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
            raise ValueError(f"{str(desc)!r} must have shape (6,), an affine transform in 2-D, got {array.shape}")
        backend_of(array).fill(array, np.array([1, 0, 0, 0, 1, 0]))

    def _init_default(self, desc: str, array: Array) -> None:
        raise ValueError(
            f"cannot tell how to initialise {str(desc)!r}: its name should end in one of {', '.join(_SUFFIXES)}. "
            "Rename it, or give it its own initializer: Variable(init=…), InitDesc(name, {'__init__': …})"
        )

    def set_verbosity(self, verbose: bool = False, print_func: Callable[[Array], str] | None = None) -> Initializer:
        """Log a line for each parameter initialised; ``print_func`` returns its text, by default norm(x)/√size."""
        self._verbose = verbose
        self._print_func = print_func
        return self

    def dumps(self) -> str:
        """Return a string, ``["name", {arguments}]``, from which :func:`create` makes an equal initializer."""
        import json  # here, to keep `import mxcore` fast

        return json.dumps([registry.name_of(type(self)), _as_json(self._arguments())])

    def _arguments(self) -> Mapping[str, Any]:
        """Return the arguments without those by keyword, which MXNet lacks, where they have their default value."""
        if not attrs.has(type(self)):
            return cast("Mapping[str, Any]", vars(self).get("_kwargs", {}))
        silent = {field.alias: field.default for field in self._declared.values() if field.kw_only}
        given = super()._arguments()
        return {name: value for name, value in given.items() if name not in silent or value != silent[name]}

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other) or not isinstance(other, Initializer):
            return NotImplemented
        return bool(_as_json(self._arguments()) == _as_json(other._arguments()))

    __hash__ = None  # type: ignore[assignment]  # mutable, and compared by value


def _check_dtype(desc: str, array: Array) -> None:
    if array.dtype.kind in "biu" and not desc.endswith("quantize"):
        raise TypeError(f"cannot initialise {str(desc)!r}: its dtype is {array.dtype}; pass an array of floats")


def _method_for(desc: str) -> str:
    """Return the name of the method that initialises a parameter of this name."""
    prefixes, suffixes = ({}, _SUFFIXES) if isinstance(desc, InitDesc) else (_PLAIN_PREFIXES, _PLAIN_SUFFIXES)
    by_prefix = [method for prefix, method in prefixes.items() if desc.startswith(prefix)]
    by_suffix = [method for suffix, method in suffixes.items() if desc.endswith(suffix)]
    return [*by_prefix, *by_suffix, "_init_default"][0]


def _as_json(value: Any) -> Any:
    """Convert arguments for JSON: arrays and tuples to lists, initializers to their ``dumps()`` string."""
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
__getattr__, __dir__ = registry.lazily(__name__, __all__, **dict.fromkeys(("FanInitializer", "gain"), "mxcore.fans"))
