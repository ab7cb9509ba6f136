"""Random numbers of an update, which a resumed run draws again."""

from typing import Any

from mxcore import random
from mxcore.backend import Array, backend_of

__all__ = ["normal"]


def normal(shape: tuple[int, ...], like: Array, *key: object) -> Any:
    """Return standard normal numbers with the dtype and device of an array.

    They depend only on the seed, which is saved with a run, a key and the dtype, and are the same on every device.

    >>> import numpy as np, mxcore as mx
    >>> like = np.zeros(2, "float32")
    >>> first, again, other = (normal((2, 3), like, "fc_weight", update) for update in (1, 1, 2))
    >>> first.dtype, bool((first == again).all()), bool((first == other).all())
    (dtype('float32'), True, False)

    Args:
        shape: their shape.
        like: the array.
        key: what they are for, such as the name of an optimizer, that of a parameter and its update count.
    """
    backend = backend_of(like)
    out = backend.xp.empty(shape, like.dtype)
    values = random.generator(*key, dtype=like.dtype, out=out).standard_normal(shape)
    if values is not out:
        backend.fill(out, values)
    return out
