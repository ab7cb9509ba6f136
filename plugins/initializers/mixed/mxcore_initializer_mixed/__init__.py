"""Different initializers for different name patterns, for mxcore."""

import re
from collections.abc import Sequence
from typing import Any

from mxcore import Validator, hyperparameter, hyperparameters
from mxcore.backend import Array
from mxcore.initializer import Initializer, create, is_from_file

__all__ = ["Mixed"]


_SIMPLE = r"\^?[\w./-]*(\.\*)?[\w./-]*\$?"


def _are_patterns(value: Any) -> bool:
    if not isinstance(value, (list, tuple)):
        return False
    if is_from_file() and (odd := [one for one in value if not re.fullmatch(_SIMPLE, str(one)) or len(one) > 200]):
        raise ValueError(
            f"a pattern in a file may have only letters and one .*, since others may take forever, got {odd[0]!r:.99}"
        )
    try:
        return all(re.compile(pattern) for pattern in value)
    except (re.error, TypeError, RecursionError, OverflowError):
        return False


def _created(value: Any) -> Any:
    return [create(item) for item in value] if isinstance(value, (list, tuple)) else value


patterns = Validator("a list of regular expressions", _are_patterns)
initializers = Validator("a list of initializers", lambda value: isinstance(value, list))


@hyperparameters
class Mixed(Initializer):
    r"""Initialises each parameter with the first initializer whose pattern matches the parameter's name.

    .. math::

        init(name) &= initializers_k(name) \\
        k &= \min \, \{j : patterns_j \text{ matches } name\}

    A pattern is a regular expression that must match at the *start* of the name: ``.*bias`` matches ``fc_bias``,
    ``bias`` does not. The chosen initializer still follows the name, so nearly all of them set a bias to 0, unless the
    pattern is explicitly about biases: it matches ``fc_bias``, but would not match ``fc_weight``. Then the bias gets
    the values of a weight. A parameter with its own initializer, ``Variable(init=…)``, uses that one.

    >>> import numpy as np, mxcore as mx
    >>> initializer = mx.init.Mixed(["stem_", ".*"], [mx.init.Uniform(0.5), "uniform"])
    >>> weight = np.empty((10, 10))
    >>> initializer("head_weight", weight)
    >>> bool(abs(weight).max() <= 0.07)
    True
    >>> mx.init.create(initializer.dumps()) == initializer
    True
    >>> bias = np.empty(2)
    >>> mx.init.Mixed([".*bias", ".*"], [mx.init.Constant(0.5), "xavier"])("fc_bias", bias)
    >>> bias
    array([0.5, 0.5])

    Arrays may have the shapes and dtypes that the chosen initializer takes.

    Args:
        patterns: regular expressions, such as ``".*"``, which matches every name and should come last.
        initializers: one for each pattern: an instance, a name, or a ``dumps()`` string.

    Raises:
        ValueError: an argument is not such a list, their lengths differ, or no pattern matches the name.
        mxcore.catalogue.PluginError: the name of an initializer is not installed.

    When to use it: other initial values for parameters whose names match a pattern. When not: one parameter: give it an
    initializer of its own.

    References:
        T. Chen et al., "MXNet: a flexible and efficient machine learning library for heterogeneous distributed
        systems", 2015, https://arxiv.org/abs/1512.01274

    Differs from MXNet 1.9.1: it is an Initializer, registered as ``mixed``, so that its string works wherever an
    instance does; the error for a name that nothing matches shows the name (there, "%s"); for a pattern that is
    explicitly about biases, the initializer is used (there, biases get 0).
    """

    family = "combination"
    examples = ({"patterns": ["stem_", ".*"], "initializers": ['["uniform", {"scale": 0.5}]', "uniform"]},)

    patterns: Sequence[str] = hyperparameter(patterns)
    initializers: Sequence[Initializer] = hyperparameter(initializers, converter=_created)

    def check_together(self) -> None:
        if len(self.patterns) != len(self.initializers):
            raise ValueError(
                "patterns and initializers must have the same length, "
                f"got {len(self.patterns)} and {len(self.initializers)}"
            )

    def _dispatch(self, desc: str, array: Array) -> None:
        pattern, initializer = self._chosen(desc)
        stem = desc.removesuffix("bias")
        if stem != desc and not re.match(pattern, f"{stem}weight"):
            initializer._init_weight(desc, array)
        else:
            initializer(desc, array)

    def _init_weight(self, desc: str, array: Array) -> None:
        self._chosen(desc)[1]._init_weight(desc, array)

    def _chosen(self, desc: str) -> tuple[str, Initializer]:
        for pattern, initializer in zip(self.patterns, self.initializers, strict=True):
            if re.match(pattern, desc):
                return pattern, initializer
        raise ValueError(
            f"{str(desc)!r} matches none of the patterns {', '.join(map(repr, self.patterns))}: "
            'add ".*" as the last pattern, with a default initializer'
        )
