"""Updaters of a model that is fixed in advance: gradients are kept until all of them have come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mxcore.backend import Array, backend_of, on_device_of
from mxcore.catalogue.registry import registry_for
from mxcore.step.arguments import check_call, fitted, in_lists
from mxcore.step.protocol import Index, Updatable, Worker
from mxcore.updater import Updater

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    OptimizerT = TypeVar("OptimizerT", bound=Updatable, covariant=True, default=Updatable)
    Given = TypeVar("Given", bound=Updatable)
else:
    from typing import TypeVar

    OptimizerT = Given = TypeVar("OptimizerT")

__all__ = ["GatheringUpdater", "get_updater"]


class GatheringUpdater(Updater[OptimizerT]):
    """An updater of a fixed set of parameters, which are always updated together.

    A call with some of them keeps copies of their gradients; the call with the last one updates all of them, in the
    order of the model. A call with all of them runs at once. While gradients are waiting, nothing can be saved or
    loaded.

    >>> import numpy as np, mxcore as mx
    >>> optimizer = mx.optimizer.create("sgd", learning_rate=1.0, clip_global_norm=1.0)
    >>> update = mx.optimizer.get_updater(optimizer, model=["weight", "bias"])
    >>> weight, bias = np.zeros(1), np.zeros(1)
    >>> update("weight", np.array([3.0]), weight)
    >>> weight, update.waiting
    (array([0.]), ('weight',))
    >>> update("bias", np.array([4.0]), bias)
    >>> weight.round(2), bias.round(2)
    (array([-0.6]), array([-0.8]))

    Args:
        optimizer: the optimizer; you can replace it later.
        model: what identifies the parameters, in the order in which gathered gradients are passed on.

    Raises:
        ValueError: the model is empty, or has a parameter twice.
    """

    def __init__(self, optimizer: OptimizerT, model: Iterable[Index]) -> None:
        super().__init__(optimizer)
        if isinstance(model, (str, bytes)):
            raise ValueError(f"model must be a list of the indices of all parameters, got {model!r}")
        self.model = tuple(model)
        """The parameters of the model."""
        self._members = frozenset(self.model)
        if not self.model or len(self._members) != len(self.model):
            raise ValueError(f"model must have each parameter once, and at least one, got {list(self.model)!r:.200}")
        self._waiting: dict[Index, tuple[Array, Array]] = {}

    @property
    def waiting(self) -> tuple[Index, ...]:
        """The parameters whose gradients are waiting for those of the others."""
        return tuple(self._waiting)

    def forget_waiting(self) -> None:
        """Drop the gradients that are waiting, for example after an error between two calls."""
        with self.lock:
            self._waiting = {}

    def __call__(self, index: Any, grad: Any, weight: Any, *, worker: Worker | None = None) -> None:
        """Update all parameters, or keep gradients if some are missing; see :class:`~mxcore.optimizer.Updater`.

        Args:
            index: what identifies the parameter. This and the next two may be lists, dict views or other iterables.
            grad: the gradient, which is copied if it has to wait.
            weight: the weight, which is updated in place as soon as all gradients have come.
            worker: the worker that computed the gradients, for an optimizer that distinguishes workers.

        Raises:
            TypeError: as for an updater without a model.
            ValueError: as there; or a parameter is not in the model, its gradient is waiting already, or ``worker`` is
                given to a call that lacks parameters.
        """
        single = isinstance(index, (str, int))
        indices, grads, weights = ([index], [grad], [weight]) if single else in_lists(index, grad, weight)
        with self.lock:
            indices = [one.decode() if isinstance(one, bytes) else one for one in indices]
            self._check_members(indices, worker)
            if len(indices) == len(self.model):
                super().__call__(indices, grads, weights, worker=worker)
            elif indices:
                self._gather(indices, grads, weights)

    def _check_members(self, indices: Sequence[Index], worker: Worker | None) -> None:
        describe = self._optimizer.describe
        if unknown := [index for index in indices if index not in self._members]:
            names = ", ".join(map(repr, self.model[:5])) + (", …" if len(self.model) > 5 else "")
            raise ValueError(f"{describe(unknown[0])} is not in the model of this updater, which has {names}")
        if twice := [index for index in indices if index in self._waiting]:
            raise ValueError(
                f"{describe(twice[0])} has a gradient that is waiting for those of {self._missing()}: pass these "
                "first, or call updater.forget_waiting()"
            )
        if worker is not None and len(indices) < len(self.model):
            raise ValueError("with worker=, pass all parameters of the model in one call")

    def _missing(self) -> str:
        missing = [self._optimizer.describe(index) for index in self.model if index not in self._waiting]
        return missing[0] + (f" and {len(missing) - 1} more" if len(missing) > 1 else "")

    def _gather(self, indices: list[Any], grads: list[Any], weights: list[Any]) -> None:
        """Keep gradients, and update all parameters if these are the last."""
        self.check_not_evaluating("no update")
        grads = list(map(fitted, weights, grads))
        check_call(list(map(self._optimizer.describe, indices)), indices, weights, grads)
        given = dict(zip(indices, zip(grads, weights, strict=True), strict=True))
        if len(self._waiting) + len(given) < len(self.model):
            copied = {index: (_copy(grad), weight) for index, (grad, weight) in given.items()}
            self._waiting = {**self._waiting, **copied}
            return
        found, waiting, first = {**self._waiting, **given}, self._waiting, self.model[0]
        every = [found[index] for index in self.model]
        before, self._waiting = self.tally.table.get(first), {}
        try:
            super().__call__(list(self.model), [grad for grad, _ in every], [weight for _, weight in every])
        except BaseException:
            if self.tally.table.get(first) == before:  # nothing has been updated
                self._waiting = waiting
            raise

    def bind(
        self, weights: Sequence[Array], grads: Sequence[Array], indices: Sequence[Index] | None = None
    ) -> Callable[[], None]:
        """Return a function that updates all parameters; see :meth:`mxcore.optimizer.Updater.bind`."""
        names = list(range(len(weights)) if indices is None else indices)
        self._check_members(names, None)
        if len(names) != len(self.model):
            raise ValueError(f"bind takes all {len(self.model)} parameters of the model, got {len(names)}")
        step = super().bind(weights, grads, names)

        def bound() -> None:
            with self.lock:
                self.check_between_steps("no step of all parameters")
                step()

        return bound

    def check_between_steps(self, what: str) -> None:
        """Raise a RuntimeError if gradients are waiting for others of the same step."""
        if self._waiting:
            raise RuntimeError(
                f"{what} while gradients are waiting for those of {self._missing()}: pass these first, or call "
                "updater.forget_waiting()"
            )


def _copy(grad: Array) -> Array:
    with on_device_of(grad):
        return backend_of(grad).copy(grad)


def get_updater(optimizer: Given, model: Iterable[Index] | None = None) -> Updater[Given]:
    """Create an updater for ``optimizer``, without any state yet.

    >>> import numpy as np, mxcore as mx
    >>> update = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=0.5))
    >>> weight = np.array([1.0, 2.0])
    >>> update("weight", np.ones(2), weight)
    >>> weight
    array([0.5, 1.5])

    Args:
        optimizer: the optimizer.
        model: all parameters, if they are known. Some optimizers look at all of them together: for the norm of all
            gradients, or for a number that all share. Without ``model``, a call must then have every parameter that the
            updater has seen. With it, you can also pass them one by one: gradients are kept until all have come, see
            :class:`~mxcore.gathering.GatheringUpdater`.

    Raises:
        TypeError: ``optimizer`` is not an optimizer.
        ValueError: the model is empty, or has a parameter twice.
    """
    if not isinstance(optimizer, registry_for("optimizer").base):
        given: Any = optimizer
        hint = f": mx.optimizer.create({given!r})" if isinstance(given, str) else ""
        if isinstance(given, type) and issubclass(given, registry_for("optimizer").base):
            hint = f": pass an instance, {given.__name__}()"
        raise TypeError(f"get_updater takes an Optimizer, such as mx.optimizer.create('sgd'), got {given!r}{hint}")
    return optimizer.make_updater() if model is None else GatheringUpdater(optimizer, model)
