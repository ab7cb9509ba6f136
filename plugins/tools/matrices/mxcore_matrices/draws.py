"""Random numbers of an update, which a resumed run draws again."""

from typing import Any

from mxcore import random
from mxcore.backend import Array, backend_of

__all__ = ["normal"]


def normal(shape: tuple[int, ...], like: Array, *key: object) -> Any:
    """Return standard normal numbers with the dtype and device of an array.

    They depend only on the seed, which is saved with a run, and on a key, and are the same on every device.

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
    return backend.from_host(random.generator(*key).standard_normal(shape).astype(like.dtype), backend.device_of(like))
