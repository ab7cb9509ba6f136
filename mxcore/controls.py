"""What stands around a rule: groups of parameters, schedules of numbers, and the controls of a step."""

from __future__ import annotations

import contextlib
import inspect
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, cast

import attrs

from mxcore.catalogue.hints import closest
from mxcore.declarations import Algorithm
from mxcore.groups import Groups
from mxcore.loss_scale import DynamicLossScale
from mxcore.multipliers import Multiplied
from mxcore.nested import members
from mxcore.step.counts import Counted, Counting
from mxcore.step.program import levels, traits_of
from mxcore.step.protocol import Index
from mxcore.step.rates import asked
from mxcore.step.whole import looks_at_all
from mxcore.validators import Validator, boolean, is_schedule, non_negative, positive

__all__ = ["AROUND", "CALL_WIDE", "Controlled", "loss_scales"]

CALL_WIDE = {
    "accumulate", "begin_num_update", "clip_global_norm", "groups", "loss_scale", "maximize", "multi_precision",
    "on_nonfinite", "param_dict", "idx2name", "rescale_grad", "sym_info",
}  # fmt: skip
"""The settings of a whole call, which groups cannot have."""
_GATES = {"accumulate", "groups", "loss_scale", "on_nonfinite"}
_BY_RATE = {"lr", "lr_scheduler", "wd"}
AROUND = {"wd", "rescale_grad", "clip_gradient", "clip_global_norm"}
"""The numbers that are applied around a rule, and may follow a schedule with it."""

loss_scales = Validator(
    "a number above 0, or a DynamicLossScale",
    lambda value: isinstance(value, DynamicLossScale) or positive.accepts(value),
)


class Controlled(Counted, Multiplied, Algorithm):
    """Groups, schedules of numbers, and the controls of a step, as an optimizer has them."""

    _counting: Counting
    accumulate: int
    on_nonfinite: str
    loss_scale: Any
    maximize: bool
    groups: Groups
    slots: ClassVar[Any]
    takes_lists: ClassVar[bool] = False
    """Whether an ``update_multi_precision`` of the class's own takes lists, not one parameter at a time. It then takes
    gradients as they are: neither unscaled nor with a norm within ``clip_global_norm``."""
    aggregates: ClassVar[bool] = False
    """Whether MXNet passes lists to the class, and so to an ``update_multi_precision`` that overrides the class's."""
    is_prepared: bool = False
    """Whether gradients are unscaled and bounded already, as an updater passes them to ``update``."""
    _inner: ClassVar[Any]

    @contextlib.contextmanager
    def taking_prepared(self) -> Iterator[None]:
        """Take gradients as they are in the block, in which the class's ``update`` may call the base class's."""
        vars(self)["is_prepared"] = True
        try:
            yield
        finally:
            del vars(self)["is_prepared"]

    def _assigned(self, name: str) -> None:
        if name in _GATES and (counting := vars(self).get("_counting")) is not None:
            counting.gated = self.gated

    @property
    def unscale(self) -> float:
        """The factor on gradients before anything else, which is one over the loss scale, or minus that."""
        return (-1.0 if self.maximize else 1.0) / float(self.loss_scale)

    @property
    def needs_all(self) -> bool:
        """Whether a call must have all parameters of a model, as for ``clip_global_norm``."""
        own: Any = self
        together = any(traits_of(level).needs_all for level in levels(own))
        return together or own.clip_global_norm is not None or looks_at_all(own)

    @property
    def gated(self) -> bool:
        """Whether a call may do something other than update all of its parameters."""
        is_dynamic = isinstance(self.loss_scale, DynamicLossScale)
        return self.accumulate > 1 or self.on_nonfinite != "ignore" or is_dynamic or self.groups.freeze

    def _check_scale(self, loss_scale: Any, on_nonfinite: str) -> None:
        if isinstance(loss_scale, DynamicLossScale) and on_nonfinite == "raise":
            raise ValueError('a DynamicLossScale skips updates that overflow, so on_nonfinite cannot be "raise"')

    # --- schedules ---------------------------------------------------------------------------------------------------

    def _may_follow(self, field: attrs.Attribute[Any]) -> bool:
        name = field.name
        if name == "lr":
            raise ValueError("pass a schedule of the learning rate as lr_scheduler")
        if not field.metadata.get("numeric") or name in CALL_WIDE - AROUND:
            return False
        if self._reads(name):
            return True
        raise ValueError(
            f"{field.alias} of {type(self).__name__} cannot be a schedule: it is not a number that the rule takes"
        )

    def _reads(self, name: str) -> bool:
        """Return whether this class reads a number for each update, instead of once."""
        traits = traits_of(self)
        if name == "wd":
            return True
        if traits.runs_rule or self._inner is not None:
            return name in traits.takes or name in AROUND
        return traits.reads_settings and name not in AROUND

    def _slots_of(self, trial: Any) -> Any:
        """Return the slots of a trial copy.

        Raises:
            ValueError: ``slots`` computes with a number that is a schedule there.
        """
        try:
            slots = trial.state_slots()
        except TypeError as error:
            raise ValueError(f"a number that determines which state is kept cannot be a schedule: {error}") from error
        if followed := [slot.name for slot in slots if is_schedule(slot.init)]:
            raise ValueError(f"the initial value of {followed[0]!r} cannot be a schedule")
        return slots

    def _has_counted(self) -> bool:
        """Whether the updater that is running, or ran last, has counted an update."""
        counting = getattr(self, "_counting", None)
        return counting is not None and any(True for _ in counting.tally.table)

    def _check_state(self, name: str, value: Any) -> None:
        """Refuse a change that would alter which state is kept, once state exists."""
        before = after = getattr(self, name)
        if name == "multi_precision":
            after = value
        elif callable(self.slots) and name not in CALL_WIDE | AROUND | _BY_RATE:
            before, after = self._slots_of(self), self._slots_of(self._trial({name: value}))
        if before is not after and before != after:
            raise ValueError(
                f"{name} determines which state is kept, so it cannot change after the first update: it is "
                f"{getattr(self, name)!r}, got {value!r}. Create a new updater, or load a saved state"
            )

    # --- groups ------------------------------------------------------------------------------------------------------

    def _settle_groups(self, groups: Groups) -> None:
        """Check the settings of groups as if they were assigned.

        Raises:
            ValueError: a setting is invalid, unknown, or that of a whole call.
        """
        fields = {str(alias): field for field in self._declared.values() for alias in (field.name, field.alias)}
        settled: list[dict[str, Any]] = []
        for pattern, given in groups.items():
            try:
                settled.append({fields[name].name if name in fields else name: value for name, value in given.items()})
                own = settled[-1]
                for name, value in own.items():
                    own[name] = self._of_group(name, value, fields)
                self._settle_rate(own)
                self._check_group({name: value for name, value in own.items() if name in self._declared})
            except ValueError as error:
                raise ValueError(f"groups[{pattern!r}]: {error}") from None
        groups.settle(settled)
        if self.idx2name:
            self.warn_of_groups(self.idx2name)

    def _of_group(self, name: str, value: Any, fields: Mapping[str, attrs.Attribute[Any]]) -> Any:
        """Return the value of a group's setting, checked."""
        if name == "frozen":
            if not boolean.accepts(value):
                raise ValueError(f"frozen must be {boolean.requirement}, got {value!r}")
            return value
        if name not in self._declared:
            names = ["frozen", *(alias for alias, field in fields.items() if field.name not in CALL_WIDE)]
            close = " or ".join(map(repr, closest(name, names)))
            raise ValueError(f"{type(self).__name__} has no {name!r}" + (f": did you mean {close}?" if close else ""))
        if name in CALL_WIDE:
            raise ValueError(f"{fields[name].alias} is a setting of the whole call, not of a group")
        if name not in _BY_RATE and not self._reads(name):
            raise ValueError(f"{name} of {type(self).__name__} is not read for each parameter, so groups cannot set it")
        field = self._declared[name]
        value = attrs.setters.convert(self, field, value)
        attrs.setters.validate(self, field, value)
        return value

    def _settle_rate(self, own: dict[str, Any]) -> None:
        """Let the scheduler of a group start from the group's learning rate, or the optimizer's."""
        scheduler = own.get("lr_scheduler")
        if "lr" in own and own["lr"] is None:
            raise ValueError(f"learning_rate must be {non_negative.requirement}, got None")
        if scheduler is not None and hasattr(scheduler, "base_lr"):
            if "lr" in own:
                scheduler.base_lr = own["lr"]
            elif scheduler.base_lr is None:
                scheduler.base_lr = self.learning_rate
        elif "lr" in own and "lr_scheduler" not in own:
            self._check_base(self.lr_scheduler)

    def _check_base(self, scheduler: Any) -> None:
        """Check that a group with a learning rate of its own can follow the optimizer's schedule from it."""
        if inspect.isroutine(scheduler):
            raise ValueError("the lr_scheduler is a function without a base_lr: give the group an lr_scheduler, too")

    def _check_group(self, own: Mapping[str, Any]) -> None:
        trial: Any = self._trial(own)
        if callable(self.slots) and self._slots_of(trial) != self._slots_of(self):
            names = " and ".join(name for name in own if name not in _BY_RATE)
            raise ValueError(f"which state is kept depends on {names}, which must be the same for all parameters")
        trial.check_together()

    def warn_of_groups(self, indices: Iterable[Index]) -> None:
        """Warn, once, about groups that have none of these parameters, nor of those looked up before."""
        for index in indices:
            self.groups.of(self, index)
        for pattern in self.groups.unmatched():
            names, text = self.groups.names, re.sub(r"\W+", "", pattern)
            beginnings = {name[: len(text)]: name for name in reversed(names)}
            close = " or ".join(repr(beginnings[one]) for one in closest(text, list(beginnings)))
            hint = f"did you mean {close}?" if close else f"the names are {', '.join(map(repr, names))}"
            warnings.warn(f"groups: {pattern!r} matches the start of no parameter's name: {hint}", stacklevel=6)

    # --- optimizers that consist of others ----------------------------------------------------------------------------

    def update_again(self, indices: list[Any], weights: list[Any], grads: list[Any], states: Any) -> bool:
        """Make a call of an updater if it is like an earlier one, checking only that; otherwise return False.

        Args:
            indices: the parameters.
            weights: their weights.
            grads: their gradients, as they are.
            states: the states of all parameters, by index.
        """
        return False

    def optimizer_of(self, index: Index, weight: Any = None) -> Any:
        """Return the optimizer that updates a parameter: this one, unless it consists of several.

        Args:
            index: the parameter.
            weight: its weight, if it is at hand.
        """
        return self

    def observe(self, loss: float) -> None:
        """Tell the loss of the next update to an optimizer that needs it, such as ``momo``."""
        for one in {id(one): one for one in members(self, Controlled).values()}.values():
            one.observe(loss)

    # --- reading back ------------------------------------------------------------------------------------------------

    def settings_of(self, name: Index) -> dict[str, float]:
        """Return the numbers in force for the next update of a parameter.

        These are ``learning_rate`` and ``wd``, with multipliers, and the hyper-parameters that are numbers, as groups
        and schedules have them.

        >>> import mxcore as mx
        >>> optimizer = mx.optimizer.create("sgd", learning_rate=0.1, momentum=0.9, wd=1e-4,
        ...     groups={"head_": {"learning_rate": 0.01}})
        >>> optimizer.settings_of("head_weight")
        {'learning_rate': 0.01, 'wd': 0.0001, 'momentum': 0.9, 'dampening': 0.0, 'rescale_grad': 1.0}

        Args:
            name: the name of the parameter, or its index.
        """
        index = next((index for index, one in self.idx2name.items() if one == name), name)
        count = self._index_update_count.get(index, self.begin_num_update) + 1
        update = max(count, self.num_update)
        own_rates = traits_of(self).own_rates
        numbers: dict[str, float] = {
            "learning_rate": float(self._get_lr(index)) if own_rates else self.rate_of(index, update, asked),
            "wd": float(self._get_wd(index)) if own_rates else self.decay_of(index, update),
        }
        for level in levels(cast("Any", self)):
            group: Mapping[str, Any] = self.groups.of(self, index).settings if level._inner is None else {}
            for attribute, field in level._declared.items():
                if field.metadata.get("numeric") and attribute not in _BY_RATE | (CALL_WIDE - AROUND):
                    value = group.get(attribute, getattr(level, attribute))
                    if is_schedule(value):
                        value = asked(value, update, f"the schedule of {attribute}", field.metadata["condition"])
                    if value is not None:
                        numbers.setdefault(str(field.alias), value)
        return numbers
