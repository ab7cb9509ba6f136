"""A training run: a network, its data and its algorithms, one update at a time.

>>> import mxcore as mx
>>> from mxcore_module.train.data import load
>>> _ = mx.random.seed(1)
>>> training = Training(load("digits"), Settings(hidden=(32,), epochs=1))
>>> *_, last = training.updates()
>>> last.number, last.validation.score > 0.5
(44, True)
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import attrs
import numpy as np

import mxcore as mx
import mxcore.random
from mxcore.backend import Context
from mxcore.kvstore import KVStore
from mxcore.lr_scheduler import LRScheduler
from mxcore.optimizer import Updater
from mxcore_module import checkpoint, metric, symbol
from mxcore_module.io import NDArrayIter
from mxcore_module.module import Module
from mxcore_module.train.errors import DivergedError, InputError
from mxcore_module.train.recipe import Recipe

if TYPE_CHECKING:
    from mxcore_module.train.data import Dataset, Part

__all__ = ["Measure", "Settings", "Training", "Update", "network"]

DEFAULT_BATCH_SIZE = 32


@attrs.frozen
class Settings:
    """How to train, independent of the data.

    Args:
        recipe: the algorithms.
        hidden: the widths of the hidden layers; empty for a linear model.
        epochs: the number of passes over the training rows.
        batch_size: rows per update; by default 32, or all of them if there are fewer.
        context: the device.
    """

    recipe: Recipe = attrs.field(factory=Recipe)
    hidden: tuple[int, ...] = (128, 64)
    epochs: int = 20
    batch_size: int | None = None
    context: Context = attrs.field(factory=mx.cpu)


@attrs.frozen
class Measure:
    """The quality of the network: its loss, and its accuracy or, for real-valued labels, root mean squared error."""

    loss: float
    score: float


@attrs.frozen
class Update:
    """The result of an update.

    Attributes:
        number: the update's number, from 1.
        epoch: the epoch's number, from 1.
        batch: the measure on the update's own batch, before the update.
        learning_rate: the learning rate of the update.
        validation: the measure on the validation rows, after the last update of an epoch.
    """

    number: int
    epoch: int
    batch: Measure
    learning_rate: float
    validation: Measure | None = None


def network(dataset: Dataset, hidden: tuple[int, ...]) -> Any:
    """Build a multi-layer perceptron for a data set, with ReLU between layers and the loss that fits the labels."""
    layer = symbol.Variable("data")
    for i, width in enumerate(hidden, start=1):
        layer = symbol.FullyConnected(layer, num_hidden=width, name=f"fc{i}")
        layer = symbol.Activation(layer, act_type="relu", name=f"relu{i}")
    layer = symbol.FullyConnected(layer, num_hidden=len(dataset.classes) or 1, name=f"fc{len(hidden) + 1}")
    label = symbol.Variable("label")
    loss = symbol.SoftmaxOutput if dataset.classes else symbol.LinearRegressionOutput
    return loss(layer, label, name="output")


def context(device: str) -> Context:
    """Return a device by name: ``"cpu"``, ``"gpu"`` or ``"gpu:1"``."""
    kind, _, number = device.partition(":")
    return Context(kind, int(number or 0))


class Training:
    """A network that is ready to be trained: everything has been checked, but nothing has run yet.

    Initial values and the order of the rows depend on :func:`mxcore.random.seed`.

    Args:
        dataset: the rows.
        settings: how to train.
        store: the store of the workers that train together, each on its part of the rows; None to train alone.

    Raises:
        InputError: if the network cannot be built.
        mxcore.commands.choice.ChoiceError: if the algorithms refuse their arguments.
        mxcore.catalogue.PluginError: if an algorithm is unknown or cannot be used.
    """

    def __init__(self, dataset: Dataset, settings: Settings, store: KVStore | None = None) -> None:
        self.dataset, self.store = dataset, store
        workers = 1 if store is None else store.num_workers
        at_once = 1 if store is None or "async" in store.type else workers
        self.epochs = settings.epochs
        self.hidden, self.context = settings.hidden, settings.context
        self.batch_size = _batch_size(settings.batch_size, len(dataset.train) // workers)
        self.updates_per_epoch = len(dataset.train) // workers // self.batch_size
        self.total_updates = self.epochs * self.updates_per_epoch
        self.batches_per_update = settings.recipe.optimizer.create().accumulate
        self._updates_each = workers // at_once
        of_all = self.total_updates * self._updates_each
        self.recipe = settings.recipe.for_updates(_updates(of_all, self.batches_per_update))
        self.optimizer = self.recipe.create_optimizer(self.batch_size * at_once)
        self.initializer = self.recipe.initializer.create()
        self._order = self._rows(dataset.train, last_batch_handle="discard", shuffle=True)
        self._held_out = self._rows(dataset.validation)
        self._metrics = metric.create(["ce", "acc"] if dataset.classes else ["mse", "rmse"])
        self.module = self._module()
        self.epochs_done = 0

    @property
    def name(self) -> str:
        """The name of the data."""
        return self.dataset.name

    @property
    def introduction(self) -> str:
        """What is trained, and for how long."""
        data, layers = self.dataset, "–".join(map(str, self.hidden)) or "none"
        return (
            f"{data.name}: {len(data.train)} rows to train, {len(data.validation)} to validate. "
            f"Hidden layers {layers}, {self.parameters:,} parameters, "
            f"{self.epochs} epochs of {self.updates_per_epoch} updates."
        )

    @property
    def score_name(self) -> str:
        """The name of the score: ``"accuracy"`` or ``"rmse"``."""
        return "accuracy" if self.dataset.classes else "rmse"

    @property
    def starting_rate(self) -> float:
        """The initial learning rate, before the schedule changes it."""
        scheduler = self.optimizer.lr_scheduler
        return float(getattr(scheduler, "base_lr", None) or self.optimizer.learning_rate)

    @property
    def updater(self) -> Updater[Any]:
        """The updater of the network's parameters, which are in this process."""
        updater: Any = self.module._with_optimizer()
        return cast("Updater[Any]", updater)

    @property
    def parameters(self) -> int:
        """The number of trained values."""
        return sum(math.prod(array.shape) for array in self.module.get_params()[0].values())

    def _rows(self, part: Part, shuffle: bool = False, last_batch_handle: str = "pad") -> NDArrayIter:
        seed = int(mxcore.random.generator("train", "order").integers(2**63))
        label = part.y if self.dataset.classes else part.y[:, None]
        own: dict[str, Any] = {"label_name": "label", "seed": seed}
        if shuffle and self.store is not None:
            own |= {"num_parts": self.store.num_workers, "part_index": self.store.rank}
        return NDArrayIter(part.x, label, self.batch_size, shuffle, last_batch_handle, **own)

    def _module(self) -> Module:
        module = Module(network(self.dataset, self.hidden), ["data"], ["label"], context=self.context)
        try:
            module.bind(self._order.provide_data, self._order.provide_label)
            module.init_params(self.initializer)
        except MemoryError:
            raise InputError(f"hidden layers {self.hidden} do not fit into memory: choose smaller ones") from None
        except ValueError as error:
            raise InputError(f"{self.recipe.initializer}: {error}") from error
        with warnings.catch_warnings():  # the user has explicitly chosen another rescale_grad
            warnings.filterwarnings("ignore", "the optimizer has rescale_grad")
            module.init_optimizer(self.store, self.optimizer)
            warnings.filterwarnings("error", "groups:")
            try:
                self.optimizer.warn_of_groups(self.optimizer.idx2name)
            except UserWarning as error:
                raise InputError(str(error)) from None
        return module

    def resume(self, prefix: str, epoch: int) -> None:
        """Resume after an epoch, with the same bits as a run that never stopped.

        Args:
            prefix: the start of the names of files that ``Module.save_checkpoint`` wrote.
            epoch: the number in the names: how many epochs are complete.

        Raises:
            OSError, ValueError: a file cannot be read, or does not fit.
        """
        self.module.load_params(checkpoint.params_file(prefix, epoch))
        self.module.load_optimizer_states(checkpoint.states_file(prefix, epoch))
        for _ in range(epoch):
            self._order.hard_reset()  # each call draws the order of one epoch
        self.epochs_done = epoch

    def updates(self) -> Iterator[Update]:
        """Train, one update at a time.

        Raises:
            DivergedError: after the update whose loss is not finite.
        """
        number = self.epochs_done * self.updates_per_epoch
        for epoch in range(self.epochs_done + 1, self.epochs + 1):
            self._order.reset()
            for step in range(1, self.updates_per_epoch + 1):
                number += 1
                found = self._update(number, epoch, validate=step == self.updates_per_epoch)
                yield found
                if not math.isfinite(found.batch.loss):
                    raise DivergedError(
                        f"the loss became {found.batch.loss} at update {number} of {self.total_updates}, "
                        f"at a learning rate of {found.learning_rate:g}: try a lower one"
                    )

    def _update(self, number: int, epoch: int, validate: bool) -> Update:
        batch = self._order.next()
        with warnings.catch_warnings(), np.errstate(all="ignore"):  # divergence is reported once, as an error
            warnings.simplefilter("ignore", RuntimeWarning)
            self._metrics.reset()
            self.module.forward_backward(batch)
            self.module.update_metric(self._metrics, batch.label)
            measure = self._measure()
            if math.isfinite(measure.loss):
                self.optimizer.observe(measure.loss)
                self.module.update()
            if self.store is not None:
                self.optimizer.num_update = number * self._updates_each  # what counts is in the store
            rate = self.optimizer.learning_rate  # before the schedule is told a metric
            validation = self.validate() if validate else None
            if validation and isinstance(schedule := self.optimizer.lr_scheduler, LRScheduler):
                schedule.observe(validation.loss)
        return Update(number, epoch, measure, rate, validation)

    def validate(self) -> Measure:
        """Return the measure on the validation rows, each counted once."""
        self._held_out.reset()
        predicted = self.module.predict(self._held_out)
        labels = self.dataset.validation.y
        self._metrics.reset()
        self._metrics.update([labels], [predicted])
        return self._measure()

    def _measure(self) -> Measure:
        (_, loss), (_, score) = self._metrics.get_name_value()
        return Measure(float(loss), float(score) * self.dataset.label_scale)


def _updates(batches: int, per_update: int) -> int:
    """Return how often the optimizer of a run updates, which is what schedules count."""
    if per_update > batches:
        raise InputError(f"accumulating {per_update} batches exceeds the {batches} batches of the run: lower it")
    return batches // per_update


def _batch_size(given: int | None, rows: int) -> int:
    if given is not None and given > rows:
        raise InputError(f"batch size {given} exceeds the {rows} rows for training: lower it")
    return given or min(DEFAULT_BATCH_SIZE, rows)
