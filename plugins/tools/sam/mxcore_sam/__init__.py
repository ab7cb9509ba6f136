"""Sharpness-aware minimization, SAM and ASAM, around any optimizer: ``mx.SAM``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import mxcore as mx
from mxcore.backend import Array, backend_of, on_device_of
from mxcore.gate import thawed
from mxcore.nested import by_path, paired
from mxcore.optimizer import Updater
from mxcore.step.arguments import check_call, fitted, in_lists

__all__ = ["SAM", "Perturbation"]


@mx.hyperparameters
class Perturbation(mx.optimizer.Optimizer):
    """The first of SAM's two steps, as a rule: uphill, to where the loss is greatest nearby.

    >>> import mxcore as mx
    >>> mx.SAM("sgd", rho=0.1).perturbation.rho
    0.1

    Args:
        rho: how far the weights go, as a norm over all of them.
        adaptive: scale with the weights, as ASAM does.
        epsilon: the number added to the norm, so that gradients of zero do no harm.
    """

    elementwise = False
    moves_at_rate_zero = True
    rho: float = mx.hyperparameter(0.05, mx.non_negative)
    adaptive: bool = mx.hyperparameter(False, mx.boolean)
    epsilon: float = mx.hyperparameter(1e-12, mx.stabilizing)

    @staticmethod
    def rule(weight: Any, grad: Any, *, rho: Any, adaptive: Any, epsilon: Any) -> Any:
        """Return the perturbed weight."""
        scaled = weight * grad if adaptive else grad
        direction = weight * scaled if adaptive else grad
        return weight + rho / (mx.norm(scaled, over="all") + epsilon) * direction


class SAM(Updater[Any]):
    r"""An updater whose updates take two steps, so that it finds minima in flat regions, which often generalize better.

    .. math::

        \hat w &= w + \rho \, \frac{g}{\lVert g \rVert + \epsilon} && \text{first_step, with the gradient at } w \\
        w &\leftarrow \mathrm{optimizer}(w, \hat g) && \text{second_step, with the gradient at } \hat w

    With ``adaptive``, which is ASAM, the first is :math:`\hat w = w + \rho \, w^2 g / (\lVert w g \rVert + \epsilon)`.
    The norm is that of all weights together, with sums in float64 whatever the dtypes are, so every call must have all
    parameters. :meth:`second_step` puts the weights back to the bit before it updates them.

    >>> import numpy as np, mxcore as mx
    >>> sam = mx.SAM("sgd", rho=0.5, learning_rate=0.25)
    >>> model = {"fc": np.array([1.0, 0.0]), "scales": [np.array([2.0])]}
    >>> def gradients(model):
    ...     return {"fc": 2 * model["fc"], "scales": [0 * model["scales"][0]]}
    >>> sam.first_step(gradients(model), model)
    >>> model
    {'fc': array([1.5, 0. ]), 'scales': [array([2.])]}
    >>> sam.second_step(gradients(model), model)
    >>> model
    {'fc': array([0.25, 0.  ]), 'scales': [array([2.])]}

    The same in one call is ``sam.step(gradients, model)``. Everything else is as with any
    :class:`~mxcore.optimizer.Updater`. An ordinary call, ``sam(index, grad, weight)``, is an update without a first
    step: you can save gradients by perturbing only now and then. Between the two steps, ordinary calls, evaluation
    weights, and saving or loading a state are errors.

    The first step uses gradients as they come, before rescaling and clipping: a factor on all of them doesn't change
    where it goes. If ``rescale_grad`` is negative, which maximizes, it goes downhill. It doesn't count as an update.
    Half-precision weights are perturbed in their own precision, even with ``multi_precision``, and smaller
    perturbations are rounded away.

    Args:
        optimizer: the optimizer, or its name or string, such as ``"average(adam, beta=0.9)"``.
        rho: how far the first step goes, as a norm over all weights. With ``adaptive``, ten times as much is common.
        adaptive: scale the first step with the weights, as ASAM does; the result then doesn't depend on their scale.
        epsilon: the number added to the norm, so that gradients of zero do no harm.
        hyperparameters: arguments for the optimizer, such as ``learning_rate``. Pass one that is called ``rho`` or
            ``epsilon`` in the string: ``mx.SAM("adam(epsilon=1e-6)")``.

    State: that of the optimizer. A saved state doesn't contain the arguments of SAM.

    References:
        P. Foret, A. Kleiner, H. Mobahi, B. Neyshabur, "Sharpness-Aware Minimization for Efficiently Improving
        Generalization", 2020, https://arxiv.org/abs/2010.01412

        J. Kwon, J. Kim, H. Park, I. K. Choi, "ASAM: Adaptive Sharpness-Aware Minimization for Scale-Invariant Learning
        of Deep Neural Networks", 2021, https://arxiv.org/abs/2102.11600
    """

    def __init__(
        self,
        optimizer: Any = "sgd",
        *,
        rho: float = 0.05,
        adaptive: bool = False,
        epsilon: float = 1e-12,
        **hyperparameters: Any,
    ) -> None:
        self.perturbation = Perturbation(rho=rho, adaptive=adaptive, epsilon=epsilon)
        """The first step, whose ``rho``, ``adaptive`` and ``epsilon`` you can assign."""
        self._kept: dict[Any, Array] = {}
        self._settled = self.perturbation.num_update
        self._is_evaluating = False
        super().__init__(mx.optimizer.create(optimizer, **hyperparameters))

    def __repr__(self) -> str:
        own = (f"{name}={getattr(self.perturbation, name)!r}" for name in ("rho", "adaptive", "epsilon"))
        return f"{super().__repr__().replace('Updater', 'SAM', 1)[:-1]}, {', '.join(own)})"

    @property
    def is_perturbed(self) -> bool:
        """Whether a first step has been made, and neither its second step nor :meth:`undo`."""
        # The count changes together with the weights, in one piece; a flag might be left behind by an interrupt.
        return self.perturbation.num_update != self._settled

    # Whatever an updater refuses while evaluation weights are in place, it also refuses between the steps.
    @property
    def is_evaluating(self) -> bool:
        """Whether other weights are in place: evaluation weights, or perturbed ones."""
        return self._is_evaluating or self.is_perturbed

    @is_evaluating.setter
    def is_evaluating(self, value: bool) -> None:
        self._is_evaluating = value

    def check_not_evaluating(self, what: str) -> None:
        """Raise a RuntimeError if evaluation weights or perturbed weights are in place."""
        self.check_between_steps(what)
        super().check_not_evaluating(what)

    def check_between_steps(self, what: str) -> None:
        """Raise a RuntimeError between the two steps."""
        if self.is_perturbed:
            raise RuntimeError(f"{what} while the weights are perturbed by first_step: call second_step or undo first")

    def first_step(self, *call: Any) -> None:
        """Perturb the weights, in place; then compute the gradients there, and call :meth:`second_step`.

        Call it as ``first_step(grads, weights)`` with nested containers, as :meth:`~mxcore.optimizer.Updater.update`,
        or as ``first_step(indices, grads, weights)``, as the updater itself.

        >>> import numpy as np, mxcore as mx
        >>> sam, weight = mx.SAM("sgd", rho=0.5), np.array([3.0, 4.0])
        >>> sam.first_step("w", 2 * weight, weight)
        >>> weight
        array([3.3, 4.4])

        Args:
            call: the gradients and the weights, after what identifies them; by default their keys, positions or paths
                do. With a single index, pass one gradient and one weight.

        Raises:
            TypeError: as for a call of an updater.
            ValueError: likewise; or a parameter is missing that the updater has seen before.
            RuntimeError: the previous first step has had no second one.
        """
        with self.lock:
            self.check_not_evaluating("no first step")
            names, grads, weights = self._checked(call)
            left = [index for index in self.states if index not in set(names)]
            if missing := [index for index in left if not self.optimizer.groups.of(self.optimizer, index).frozen]:
                raise ValueError(
                    "SAM looks at all parameters of a model together, but this call lacks "
                    f"{self.optimizer.describe(missing[0])}, which an earlier one had: pass all of them"
                )
            if not names:
                return
            # Copied here and not as a slot of the rule, whose half-precision slots don't hold infinities.
            self._kept = dict(zip(names, map(self._copy, names, weights), strict=True))
            factor = self.optimizer.unscale * self.optimizer.settings_of(names[0])["rescale_grad"]
            if (sign := math.copysign(1.0, factor)) != self.perturbation.rescale_grad:
                self.perturbation.rescale_grad = sign
            self.perturbation.update_multi_precision(names, weights, grads, [None] * len(names))

    def second_step(self, *call: Any) -> None:
        """Put the weights back and update them, from the gradients at the perturbed weights.

        If the update fails, the weights are as before the first step, with which you can begin again.

        Args:
            call: the gradients there and the weights, as for :meth:`first_step`; the weights are updated in place.

        Raises:
            TypeError, ValueError: as for a call of an updater, or the parameters are not those of the first step;
                nothing has changed.
            RuntimeError: there was no first step.
        """
        with self.lock:
            names, grads, weights = self._checked(call)
            self._put_back("second_step", names, weights)
            self(names, grads, weights)

    def undo(self, weights: Any, indices: Any = None) -> None:
        """Put the weights back after :meth:`first_step` without an update, for example if the loss is not finite.

        >>> import numpy as np, mxcore as mx
        >>> sam, weight = mx.SAM("sgd"), np.array([0.1, 0.2])
        >>> sam.first_step("w", weight, weight)
        >>> sam.undo(weight, "w")
        >>> weight
        array([0.1, 0.2])

        Raises:
            ValueError: the parameters are not those of the first step.
            RuntimeError: there was no first step.
        """
        with self.lock:
            if indices is None:
                found = {index: one for index, one in by_path(weights).items() if index in self._kept}
                names, weights = list(found), list(found.values())
            else:
                names, weights = in_lists(indices, weights)
            self._put_back("undo", names, weights)

    def step(self, gradients_of: Callable[[Any], Any], weights: Any, indices: Any = None) -> None:
        """Make both steps, with the gradients that a function computes.

        If the function or an update fails, the weights are as they were before.

        >>> import numpy as np, mxcore as mx
        >>> sam, weight = mx.SAM("sgd", rho=0.5, learning_rate=0.25), np.array([1.0])
        >>> sam.step(lambda weight: 2 * weight, weight, "w")
        >>> weight
        array([0.25])

        Args:
            gradients_of: called with ``weights`` twice, the second time while they are perturbed; it returns the
                gradients, in the same containers.
            weights: the weights, which are updated in place.
            indices: what identifies them; by default their keys, positions or paths.

        Raises:
            TypeError, ValueError, RuntimeError: as for the steps.
        """
        with self.lock:
            self.check_not_evaluating("no step")
            try:
                names = () if indices is None else (indices,)
                self.first_step(*names, gradients_of(weights), weights)
                self.second_step(*names, gradients_of(weights), weights)
            except BaseException:
                if self.is_perturbed:
                    self.undo(weights, indices)
                raise

    def _checked(self, call: tuple[Any, ...]) -> tuple[list[Any], list[Array], list[Array]]:
        """Return the indices, gradients and weights of a call after checking them."""
        if len(call) not in (2, 3):
            raise TypeError(f"pass (grads, weights) or (indices, grads, weights), got {len(call)} arguments")
        names, grads, weights = paired(*call) if len(call) == 2 else in_lists(*call)
        if names:
            grads = list(map(fitted, weights, grads))
            check_call(list(map(self.optimizer.describe, names)), names, weights, grads)
        names, grads, weights = thawed(self.optimizer, names, grads, weights)
        return names, grads, weights

    def _copy(self, index: Any, weight: Array) -> Array:
        """Return a copy of a weight, in the array of the previous first step if that fits."""
        kept, backend = self._kept.get(index), backend_of(weight)
        fits = kept is not None and backend_of(kept) is backend and _differs(kept, weight) is None
        if not fits or backend.device_of(kept) != backend.device_of(weight):
            return backend.copy(weight)
        backend.fill(kept, weight)
        return kept

    def _put_back(self, what: str, names: Sequence[Any], weights: Sequence[Array]) -> None:
        """Check that these are the perturbed weights, and end the perturbation."""
        if not self.is_perturbed:
            raise RuntimeError(f"{what} without first_step: call first_step before, with the gradients here")
        describe = self.optimizer.describe
        for ours, theirs, verb in ((self._kept, names, "lacks"), (names, self._kept, "has")):
            if odd := [index for index in ours if index not in theirs]:
                raise ValueError(f"{what} {verb} {describe(odd[0])}, unlike the first step: pass the same parameters")
        for index, weight in zip(names, weights, strict=True):
            if found := _differs(weight, self._kept[index]):
                raise ValueError(f"{describe(index)} has {found[0]}, but in the first step it had {found[1]}")
        for index, weight in zip(names, weights, strict=True):
            with on_device_of(weight):
                backend_of(weight).fill(weight, self._kept[index])
        self._settled = self.perturbation.num_update


def _differs(one: Array, other: Array) -> tuple[str, str] | None:
    """Return how two arrays differ in shape or dtype, or None."""
    if one.shape != other.shape:
        return f"shape {one.shape}", f"shape {other.shape}"
    return (f"dtype {one.dtype}", f"dtype {other.dtype}") if one.dtype != other.dtype else None
