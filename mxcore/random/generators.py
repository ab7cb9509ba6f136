"""A random number generator: successive draws from the stream of a key."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from mxcore.random.fill import fill_normal, fill_uniform, fill_words
from mxcore.random.truncated import truncated

Shape: TypeAlias = int | tuple[int, ...]
Size: TypeAlias = Shape | None
Type: TypeAlias = npt.DTypeLike | None
Array: TypeAlias = npt.NDArray[Any]

_GROUP_BYTES = 128  # 32 elements of float32, 16 of float64; each draw starts with a new group


class Generator:
    """A generator whose draws depend only on a key and on earlier draws, with the same bits on every machine.

    The methods have the names of :class:`numpy.random.Generator`. A draw without a size is a Python number.

    Floats drawn for a complex array are complex: both parts are drawn one after the other, around the same mean and
    with the same total variance as for a real array.

    >>> import numpy as np, mxcore as mx
    >>> rng = mx.random.Generator(7)
    >>> rng.uniform(size=2).dtype
    dtype('float64')
    >>> rng.normal(0, 1, (2, 3), np.float32).shape
    (2, 3)
    >>> sorted(rng.permutation(4).tolist())
    [0, 1, 2, 3]

    Args:
        key: 128 bits, 0 to 2¹²⁸ - 1.
        dtype: the dtype of the array that the values are for; draws have its precision unless they specify another.
        out: the array that the values are for. If possible, the first draw of its shape is written into it and returns
            it, so that large arrays are written only once.
    """

    def __init__(self, key: int, dtype: npt.DTypeLike = np.float64, out: Any = None) -> None:
        self.key = key
        self.dtype = _precision(np.dtype(dtype))
        self.position = 0
        self._out = out if isinstance(out, np.ndarray) and _can_hold(out, self.dtype) else None

    @overload
    def uniform(self, low: float = ..., high: float = ..., size: None = ..., dtype: Type = ...) -> float: ...
    @overload
    def uniform(self, low: float = ..., high: float = ..., size: Shape = ..., dtype: Type = ...) -> Array: ...
    def uniform(self, low: float = 0.0, high: float = 1.0, size: Size = None, dtype: Type = None) -> Any:
        """Draw from U[low, high).

        Args:
            low: the lower bound, which is included.
            high: the upper bound, which float32 and float64 never reach; float16 and bfloat16 can be rounded to it.
            size: the shape; None for one Python number.
            dtype: the dtype of the array, by default the generator's.

        Raises:
            ValueError: the bounds are out of order, or too far apart.
        """
        return self._floats(fill_uniform, (low, high), size, dtype)

    @overload
    def normal(self, loc: float = ..., scale: float = ..., size: None = ..., dtype: Type = ...) -> float: ...
    @overload
    def normal(self, loc: float = ..., scale: float = ..., size: Shape = ..., dtype: Type = ...) -> Array: ...
    def normal(self, loc: float = 0.0, scale: float = 1.0, size: Size = None, dtype: Type = None) -> Any:
        """Draw from N(loc, scale²); ``size`` and ``dtype`` as in :meth:`uniform`.

        Raises:
            ValueError: ``scale`` is negative.
        """
        return self._floats(fill_normal, (loc, scale), size, dtype)

    @overload
    def standard_normal(self, size: None = ..., dtype: Type = ...) -> float: ...
    @overload
    def standard_normal(self, size: Shape = ..., dtype: Type = ...) -> Array: ...
    def standard_normal(self, size: Size = None, dtype: Type = None) -> Any:
        """Draw from N(0, 1)."""
        return self.normal(0.0, 1.0, size, dtype)

    def truncated_normal(
        self,
        loc: float = 0.0,
        scale: float = 1.0,
        low: float | None = None,
        high: float | None = None,
        size: Shape = (),
        dtype: Type = None,
    ) -> Array:
        """Draw from N(loc, scale²), given that the number is within [low, high].

        Args:
            loc: the mean before truncation.
            scale: the standard deviation before truncation, at least 0.
            low: the lower bound, by default ``loc - 2 * scale``; may be infinite.
            high: the upper bound, by default ``loc + 2 * scale``; may be infinite.
            size: the shape.
            dtype: the dtype of the array, by default the generator's.

        Raises:
            ValueError: ``scale`` is negative, no number of the dtype is within the bounds, or complex numbers are drawn
                with bounds that are not symmetric around ``loc``.
        """
        low, high = loc - 2 * scale if low is None else low, loc + 2 * scale if high is None else high
        if not (scale >= 0 and math.isfinite(loc)):
            raise ValueError(f"scale must be at least 0 and loc finite, got {scale!r} and {loc!r}")
        shape, wanted = _shape(size), self.dtype if dtype is None else np.dtype(dtype)
        if wanted.kind == "c":
            if not math.isclose(loc - low, high - loc, rel_tol=1e-6):
                raise ValueError(
                    f"for complex numbers, low and high must be symmetric around {loc!r}, got {low!r} and {high!r}"
                )
            half, deviation = (high - loc) / 2**0.5, scale / 2**0.5
            values = np.empty(shape, wanted)
            values.real, values.imag = (
                self.truncated_normal(at, deviation, at - half, at + half, shape, _real(wanted)) for at in (loc, 0.0)
            )
            return values
        drawn = _precision(wanted)
        bottom, top = _inwards(low, math.inf, drawn), _inwards(high, -math.inf, drawn)
        if not (bottom <= top and low <= high):
            raise ValueError(f"low and high must have a {drawn} between them, got {low!r} and {high!r}")
        fills = {"normal": fill_normal, "uniform": fill_uniform}

        def draw(kind: str, first: float, second: float, shape: Shape) -> Array:
            values: Array = self._floats(fills[kind], (first, second), shape, drawn)
            return values

        return truncated(draw, shape, loc, scale, bottom, top).astype(wanted, copy=False)

    @overload
    def integers(self, low: int, high: int | None = ..., size: None = ...) -> int: ...
    @overload
    def integers(self, low: int, high: int | None = ..., size: Shape = ...) -> Array: ...
    def integers(self, low: int, high: int | None = None, size: Size = None) -> Any:
        """Draw integers from low to high - 1, or from 0 to low - 1, each with the same probability.

        They are remainders of 64 random bits, so no probability is off by more than 2⁻⁶⁴.

        Raises:
            ValueError: the range is empty, or exceeds int64.
        """
        if high is None:
            low, high = 0, low
        if not -(2**63) <= low < high <= 2**63 or high - low == 2**64:
            raise ValueError(f"integers need low < high within the bounds of int64, got {low!r} and {high!r}")
        shape = _shape(size)
        drawn = self._words(math.prod(shape)) % np.uint64(high - low)
        values = (drawn + np.uint64(low % 2**64)).view(np.int64).reshape(shape)
        return int(values) if size is None else values

    def permutation(self, rows: int | npt.ArrayLike) -> Array:
        """Return the integers below ``rows`` in random order, or a copy of an array with its rows in random order."""
        count = int(rows) if isinstance(rows, (int, np.integer)) else len(np.asarray(rows))
        order = np.argsort(self._words(count), kind="stable")
        return order if isinstance(rows, (int, np.integer)) else np.asarray(rows)[order]

    def shuffle(self, array: Array) -> None:
        """Shuffle the rows of an array in place."""
        array[...] = self.permutation(array)

    def numpy(self) -> np.random.Generator:
        """A NumPy generator with this key, for other distributions; NumPy may change its bits between versions."""
        return np.random.Generator(np.random.Philox(key=self.key))

    def _floats(self, fill: Callable[..., None], parameters: tuple[float, float], size: Size, dtype: Type) -> Any:
        shape, wanted = _shape(size), self.dtype if dtype is None else np.dtype(dtype)
        if wanted.kind == "c" and size is not None:
            return self._complex(fill, parameters, shape, wanted)
        values = self._place(shape, _precision(_real(wanted)))
        fill(values, self.key, *parameters, offset=self._advance(values))
        return float(values) if size is None else values.astype(wanted, copy=False)

    def _complex(
        self, fill: Callable[..., None], parameters: tuple[float, float], shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> Array:
        """Draw both parts, each with half the variance that the parameters specify."""
        first, second = parameters
        if fill is fill_uniform:
            middle, half = (first + second) / 2, (second - first) / 8**0.5
            parts = [(middle - half, middle + half), (-half, half)]
        else:
            parts = [(first, second / 2**0.5), (0.0, second / 2**0.5)]
        values = np.empty(shape, dtype)
        values.real, values.imag = (self._floats(fill, part, shape, _real(dtype)) for part in parts)
        return values

    def _place(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return the array to draw into: once, the array that the values are for; otherwise a new one."""
        if self._out is None or (self._out.shape, self._out.dtype) != (shape, dtype):
            return np.empty(shape, dtype)
        out, self._out = self._out, None
        return out

    def _words(self, count: int) -> npt.NDArray[np.uint64]:
        words = np.empty((2, count), np.uint32)
        fill_words(words, self.key, self._advance(words))
        joined: npt.NDArray[np.uint64] = words[0] | words[1].astype(np.uint64) << np.uint64(32)
        return joined

    def _advance(self, values: Array) -> int:
        """Reserve as many groups as the values need, and return the position of the first element."""
        start = self.position * _GROUP_BYTES // values.itemsize
        self.position += -(-values.nbytes // _GROUP_BYTES)
        return start


def _shape(size: Size) -> tuple[int, ...]:
    return () if size is None else (int(size),) if isinstance(size, (int, np.integer)) else tuple(size)


def _precision(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype to draw in: float32 for itself and for shorter floats (those of ml_dtypes have kind V)."""
    if dtype.kind == "c":
        return np.dtype(np.complex64 if dtype.itemsize <= 8 else np.complex128)
    return np.dtype(np.float32 if dtype.kind in "fV" and dtype.itemsize <= 4 else np.float64)


def _real(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of the parts of a complex number; return any other dtype as it is."""
    return np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype


def _inwards(bound: float, to: float, dtype: np.dtype[Any]) -> float:
    """Round a bound to a dtype, in the direction of ``to``."""
    rounded = dtype.type(bound)
    outside = float(rounded) < bound if to > 0 else float(rounded) > bound
    return float(np.nextafter(rounded, dtype.type(to)) if outside else rounded)


def _can_hold(out: Array, dtype: np.dtype[Any]) -> bool:
    flags = out.flags
    return out.dtype == dtype and bool(flags.c_contiguous and flags.writeable and flags.aligned)
