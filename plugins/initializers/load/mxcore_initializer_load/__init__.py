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
    r"""Initialises parameters with the arrays saved under their names, and all others with ``default_init``.

    .. math::

        init(name) = \begin{cases} param[name] & name \in param \\ default\_init(name) & \text{else} \end{cases}

    The prefixes ``arg:`` and ``aux:`` of saved names are ignored. Loaded values take precedence over a parameter's own
    initializer, and are cast to the dtype of the parameter.

    >>> import numpy as np, mxcore as mx
    >>> initializer = mx.init.Load({"arg:fc_weight": np.eye(2)}, default_init="uniform")
    >>> weight, bias = np.empty((2, 2)), np.empty(2)
    >>> initializer("fc_weight", weight)
    >>> initializer("fc_bias", bias)
    >>> weight, bias
    (array([[1., 0.],
           [0., 1.]]), array([0., 0.]))

    Arrays may have any dtype, and must have the saved shape. ``dumps()`` includes the path of a file, or the arrays of
    a dict as lists.

    Args:
        param: the path of a file, or a dict of arrays (NumPy, CuPy, lists of numbers), which are not copied. The file
            may be npz, safetensors (from :func:`mxcore.state.save_arrays` or any other program), or with the plugin
            ``mxcore-nd`` a ``.params`` file of MXNet. It is read immediately.
        default_init: the initializer of other parameters: an instance, a name, or a ``dumps()`` string.
        verbose: whether to log how each parameter is initialised.

    Raises:
        OSError: the file cannot be opened.
        ImportError: the file was written by mxcore and holds bfloat16 arrays, but ml_dtypes is not installed.
        ValueError: the file has none of these formats, or holds something other than arrays of numbers; the shapes
            of a parameter and its saved array differ; or a parameter was not saved and there is no ``default_init``.

    When to use it: weights of an earlier run, or of another program. When not: resuming a run, which also needs the
    optimizer's state: see ``mx.load_state``.

    References:
        The format: https://huggingface.co/docs/safetensors; after T. Chen et al., "MXNet: a flexible and efficient
        machine learning library for heterogeneous distributed systems", 2015, https://arxiv.org/abs/1512.01274

    Differs from MXNet 1.9.1: it is an Initializer, registered as ``load``, so that its string works wherever an
    instance does; wrong shapes and missing names are ValueErrors (there, AssertionErrors).
    """

    family = "fixed"
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
        """Fill the parameter if it was saved, and return whether it was."""
        if desc not in self.param:
            return False
        saved = self.param[desc]
        if saved.shape != array.shape:
            raise ValueError(f"cannot load {str(desc)!r}: it has shape {array.shape}, the saved array {saved.shape}")
        backend_of(array).fill(array, saved)
        self._tell(desc, "loaded")
        return True

    def _default_for(self, desc: str) -> Initializer:
        if self.default_init is None:
            close = difflib.get_close_matches(desc, self.param)
            hint = f"did you mean {' or '.join(map(repr, close))}? Or " if close else ""
            raise ValueError(f"{self.param!r} has no {str(desc)!r}: {hint}pass a default_init")
        self._tell(desc, "not in the loaded arrays, used default_init")
        return self.default_init

    def _tell(self, desc: str, what: str) -> None:
        if self.verbose:
            _logger.info("Initialized %s: %s", desc, what)

    def _arguments(self) -> Mapping[str, Any]:
        return {**super()._arguments(), "param": self.param.path or self.param}
