"""Initial values from a file or a dict of arrays, for mxcore."""

import difflib
import logging
from collections.abc import Mapping
from typing import Any

from mxcore import hyperparameter, hyperparameters
from mxcore.backend import Array, backend_of
from mxcore.initializer import Initializer, create
from mxcore_initializer_load.files import Arrays, arrays

__all__ = ["Load"]

_logger = logging.getLogger(__name__)


def _created(default_init: Any) -> Initializer | None:
    return None if default_init is None else create(default_init)


@hyperparameters
class Load(Initializer):
    r"""Parameters get the arrays that were saved under their names; the others, what ``default_init`` gives them.

    .. math::

        init(name) = \begin{cases} param[name] & name \in param \\ default\_init(name) & \text{else} \end{cases}

    ``arg:`` and ``aux:`` before a saved name are not part of it. What is loaded goes before any initializer that the
    parameter carries, and values are cast to the dtype of the parameter.

    >>> import numpy as np, mxcore as mx
    >>> initializer = mx.init.Load({"arg:fc_weight": np.eye(2)}, default_init="uniform")
    >>> weight, bias = np.empty((2, 2)), np.empty(2)
    >>> initializer("fc_weight", weight)
    >>> initializer("fc_bias", bias)
    >>> weight, bias
    (array([[1., 0.],
           [0., 1.]]), array([0., 0.]))

    Arrays may have any dtype, and the shape of what was saved. ``dumps()`` holds the path of a file; the arrays of a
    dict it holds as lists.

    Args:
        param: the path of a file, or a dict of arrays (NumPy, CuPy, lists of numbers), which are not copied. Files:
            safetensors, by :func:`mxcore.state.save_arrays` or anyone else, and npz. They are read at once.
        default_init: for parameters that were not saved: an initializer, its name, or the text of its ``dumps()``.
        verbose: whether to log how each parameter is initialised.

    Raises:
        OSError: the file cannot be opened.
        ImportError: it was written by mxcore, holds bfloat16 arrays, and ml_dtypes is not installed.
        ValueError: it is neither a safetensors nor an npz file, or something in it is no array of numbers; a saved
            array has another shape than the parameter; or a parameter was not saved and there is no ``default_init``.

    References:
        The format: https://huggingface.co/docs/safetensors; after T. Chen et al., "MXNet: a flexible and efficient
        machine learning library for heterogeneous distributed systems", 2015, https://arxiv.org/abs/1512.01274

    Differs from MXNet 1.9.1: it is an Initializer, registered as ``load``, so that its text works wherever an instance
    does; wrong shapes and absent names are ValueErrors (there, AssertionErrors); it does not read ``.params`` files,
    MXNet's own format, which ``numpy.savez`` turns into npz where MXNet is installed.
    """

    examples = ({"param": {"stem_weight": [1.0, 2.0]}, "default_init": "uniform"},)

    param: Arrays = hyperparameter(converter=arrays)
    default_init: Initializer | None = hyperparameter(None, converter=_created)
    verbose: bool = hyperparameter(False)

    def _fill(self, desc: str, array: Array) -> None:
        if not self._load(desc, array):
            self._default_for(desc)(desc, array)

    def _init_weight(self, desc: str, array: Array) -> None:
        if not self._load(desc, array):
            self._default_for(desc)._init_weight(desc, array)

    def _load(self, desc: str, array: Array) -> bool:
        """Whether the parameter was saved; if so, it has been filled."""
        if desc not in self.param:
            return False
        saved = self.param[desc]
        if saved.shape != array.shape:
            raise ValueError(f"cannot load {str(desc)!r}: it has shape {array.shape}, and what was saved {saved.shape}")
        backend_of(array).fill(array, saved)
        self._tell(desc, "loaded")
        return True

    def _default_for(self, desc: str) -> Initializer:
        if self.default_init is None:
            close = difflib.get_close_matches(desc, self.param)
            hint = f"did you mean {' or '.join(map(repr, close))}? Or " if close else ""
            raise ValueError(f"{self.param!r} has no {str(desc)!r}: {hint}give a default_init")
        self._tell(desc, "not among what is loaded, given its default")
        return self.default_init

    def _tell(self, desc: str, what: str) -> None:
        if self.verbose:
            _logger.info("Initialized %s: %s", desc, what)

    def _arguments(self) -> Mapping[str, Any]:
        return {**super()._arguments(), "param": self.param.path or self.param}
