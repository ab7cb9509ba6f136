"""The optimizer that leaves each parameter to another one."""

import inspect
import re
import warnings
import weakref
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from mxcore import hyperparameter, hyperparameters, non_negative, optional, positive
from mxcore.backend import Array
from mxcore.controls import CALL_WIDE
from mxcore.optimizer import Optimizer
from mxcore.step import Tally, levels, traits_of
from mxcore.step.arguments import in_lists
from mxcore.step.protocol import Index
from mxcore.step.ready import Ready, finish
from mxcore.step.whole import check_complete, factor_of, run_array_code
from mxcore_optimizer_mixed import parts
from mxcore_optimizer_mixed.parts import HANDED_ON, OF_PARTS, Chosen, Part, Pattern, check, elsewhere


@hyperparameters
class Mixed(Optimizer):
    r"""Different optimizers for different parameters, each the first whose pattern matches.

    .. math::

        (w, state) &\leftarrow \mathrm{optimizers}_k(w, g, state) \\
        k &= \min \, \{j : patterns_j \text{ matches the name of } w\}

    A pattern is a regular expression that must match at the *start* of the name: ``.*bias`` matches ``fc_bias``,
    ``bias`` does not. It may also be a function of the name and the weight, such as
    ``lambda name, weight: weight.ndim == 2``. The optimizer of a parameter is chosen at its first update, and stays.

    Each optimizer has its own learning rate, schedule, weight decay, ``clip_gradient`` and groups. What belongs to a
    whole call is Mixed's: ``rescale_grad``, ``clip_global_norm``, ``accumulate``, ``on_nonfinite``, ``loss_scale``,
    ``maximize``, ``multi_precision``, names and multipliers. All count in the same place, so schedules are asked for
    the highest count of all parameters. The groups of Mixed can only freeze parameters.

    >>> import numpy as np, mxcore as mx
    >>> mixed = mx.optimizer.Mixed(
    ...     [lambda name, weight: weight.ndim >= 2, ".*"],
    ...     [mx.optimizer.SGD(learning_rate=0.5), "average(adam, learning_rate=0.1)"],
    ...     clip_global_norm=10.0)
    >>> matrix, bias = np.ones((2, 2)), np.ones(2)
    >>> update = mx.optimizer.get_updater(mixed)
    >>> update(["fc_weight", "fc_bias"], [np.ones((2, 2)), np.ones(2)], [matrix, bias])
    >>> matrix, bias.round(3)
    (array([[0.5, 0.5],
           [0.5, 0.5]]), array([0.9, 0.9]))
    >>> mixed.settings_of("fc_bias")["learning_rate"]
    0.1

    A call is checked for all optimizers before one of them changes anything. An optimizer without a rule cannot be
    checked beforehand: if its code fails, only the updates of other optimizers without rules may have been made.

    Args:
        patterns: regular expressions, or functions that return whether they match, such as ``".*"``, which matches
            every name and should come last.
        optimizers: one for each pattern: an instance, a name, or a string such as ``"adam(beta1=0.8)"``.
        learning_rate: the learning rate of those that are given by name, unless their string has one.
        lr_scheduler: the scheduler of those, which they share.
        wd: the weight decay of those.
        clip_gradient: the bound on each element of the rescaled gradient of those.

    State: that of the optimizer that has the parameter.

    Raises:
        ValueError: an argument is not such a list, their lengths differ, an optimizer cannot be part of another one,
            has settings that belong to Mixed, or is in use elsewhere; from an update, if no pattern matches.

    When to use it: matrices, embeddings and biases that need different optimizers. When not: other settings of the same
    optimizer: ``groups`` are simpler.

    References:
        K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024,
        https://kellerjordan.github.io/posts/muon/, where AdamW updates what is no matrix.

    Differs from MXNet 1.9.1: MXNet has a Mixed initializer, but no such optimizer. This is
    ``optax.multi_transform``; in torch you call two optimizers.
    """

    takes_lists = True
    family = "combination"
    examples = (
        {"patterns": [".*bias", ".*"], "optimizers": ["sgd", "adam"]},
        {"patterns": ["norm", ".*"], "optimizers": ["average(sgd(momentum=0.9))", "adam"]},
    )
    bad_examples = (
        {"patterns": [".*"], "optimizers": ["sgd", "adam"]},
        {"patterns": ["*"], "optimizers": ["sgd"]},
        {"patterns": [".*"], "optimizers": ["sgd(clip_global_norm=1.0)"]},
    )
    expected_failures = {"slots_are_named_and_used": "the slots are those of the optimizer that has the parameter"}

    patterns: Sequence[Pattern] = hyperparameter(parts.patterns)
    optimizers: Sequence[Any] = hyperparameter(parts.several)
    lr: float | None = hyperparameter(None, optional(non_negative), alias="learning_rate", kw_only=True, repr=False)
    lr_scheduler: Any = hyperparameter(None, kw_only=True, repr=False, converter=lambda given: given)
    wd: Any = hyperparameter(None, optional(non_negative), kw_only=True, repr=False)
    clip_gradient: float | None = hyperparameter(None, optional(positive), kw_only=True, repr=False)

    @classmethod
    def _decorated(cls) -> None:
        """Let the signature show no default learning rate: each optimizer has its own."""
        construct: Any = cls.__init__
        shown = inspect.signature(construct).parameters.values()
        own = [one.replace(default=None) if one.name == "learning_rate" else one for one in shown]
        construct.__signature__ = inspect.signature(construct).replace(parameters=own)

    def __attrs_post_init__(self) -> None:
        if len(self.patterns) != len(self.optimizers):
            raise ValueError(
                "patterns and optimizers must have the same length, "
                f"got {len(self.patterns)} and {len(self.optimizers)}"
            )
        given = {alias: value for name, alias in OF_PARTS.items() if (value := getattr(self, name)) is not None}
        vars(self).update(parts.NONE, optimizers=parts.created(self.optimizers, given))
        self._of_tally: weakref.WeakKeyDictionary[Tally, Chosen] = weakref.WeakKeyDictionary()
        self._seen: dict[int, int] = {}
        super().__attrs_post_init__()
        for part in self._parts:
            check(
                part,
                [name for name in CALL_WIDE - {"groups"} if name in parts.MIXED_ALONE or not self._has(part, name)],
            )
            if part._counting.owned:
                raise ValueError(f"{type(part).__name__} is in use elsewhere: create another one for Mixed")
        for part in self._parts:
            innermost = levels(part)[-1]
            innermost._counting, innermost._tables_version = Part(self._counting), self._tables_version
        for name in HANDED_ON - {"lr_mult", "wd_mult"}:
            self._assigned(name)
        self.set_lr_mult({})
        self.set_wd_mult({})

    def _has(self, part: Any, name: str) -> bool:
        """Return whether a setting of an optimizer is that of Mixed, as in a ``repr``."""
        return bool(getattr(part, name) == getattr(self, name))

    @property
    def _parts(self) -> list[Any]:
        """The optimizers, each once."""
        return list({id(part): part for part in self.optimizers}.values())

    # --- settings ----------------------------------------------------------------------------------------------------

    def _settle_learning_rate(self) -> None:
        """Leave it to the optimizers."""

    @property
    def learning_rate(self) -> float:
        """The current learning rate of the first optimizer; assign that of one of ``optimizers``."""
        rate: float = self.optimizers[0].learning_rate
        return rate

    @learning_rate.setter
    def learning_rate(self, lr: float) -> None:
        raise ValueError(elsewhere("learning_rate"))

    def set_learning_rate(self, lr: float) -> None:
        """Raise a ValueError: each optimizer has its own learning rate."""
        raise ValueError(elsewhere("learning_rate"))

    def _assigning(self, name: str, value: Any) -> None:
        if name in OF_PARTS:
            if value != vars(self)[name]:
                raise ValueError(elsewhere(OF_PARTS[name]))
        elif name in ("patterns", "optimizers"):
            if value != vars(self)[name]:
                raise ValueError(f"the {name} of Mixed cannot be exchanged: make a new Mixed")
        else:
            super()._assigning(name, value)

    def _assigned(self, name: str) -> None:
        super()._assigned(name)
        if name not in HANDED_ON or "_seen" not in vars(self):
            return
        value = getattr(self, name)
        for part in self._parts:
            if isinstance(value, (bool, int, float)):
                setattr(levels(part)[-1], name, value)
            else:  # the same table, so that all see what changes in it
                vars(levels(part)[-1])[name] = value

    def _of_group(self, name: str, value: Any, fields: Any) -> Any:
        if name != "frozen" and name in {"lr", *fields}:
            raise ValueError(f"Mixed can only freeze parameters: give {name!r} to the groups of one of its optimizers")
        return super()._of_group(name, value, fields)

    def set_wd_mult(self, args_wd_mult: Mapping[Index, float]) -> None:
        """Replace the weight-decay multipliers; which names decay depends on the optimizer that has a parameter."""
        super().set_wd_mult(args_wd_mult)
        for part in self._parts if "_seen" in vars(self) else ():
            innermost = levels(part)[-1]
            if innermost.decayed_suffixes == self.decayed_suffixes:
                innermost._exempt, innermost._decided = self._exempt, self._decided
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Mixed has warned already
                innermost.set_wd_mult(args_wd_mult)

    def warn_of_names(self, wd: float | None = None) -> None:
        """Let each optimizer warn if names do not tell whether its weight decay applies."""
        for part in self._parts:
            part.warn_of_names()

    def warn_of_groups(self, indices: Iterable[Index]) -> None:
        """Warn about groups that have none of these parameters, also those of the optimizers."""
        every = list(indices)
        super().warn_of_groups(every)
        numbers = self._chosen.numbers
        for number, part in enumerate(self.optimizers):
            if own := [index for index in every if numbers.get(index) == number]:
                part.warn_of_groups(own)

    def rate_of(self, index: Index, update: int, ask: Any) -> float:
        """Return the learning rate that the optimizer of a parameter has for it."""
        rate: float = self.optimizer_of(index).rate_of(index, update, ask)
        return rate

    def decay_of(self, index: Index, update: int) -> float:
        """Return the weight decay that the optimizer of a parameter has for it."""
        decay: float = self.optimizer_of(index).decay_of(index, update)
        return decay

    def settings_of(self, name: Index) -> dict[str, float]:
        """Return the numbers in force for the next update of a parameter, from the optimizer that has it.

        Raises:
            ValueError: no pattern matches, or whether one does depends on a weight that Mixed has not seen.
        """
        index = next((index for index, one in self.idx2name.items() if one == name), name)
        numbers: dict[str, float] = self.optimizer_of(index).settings_of(name)
        return {**numbers, "rescale_grad": float(self.rescale_grad)}

    # --- which optimizer has a parameter -----------------------------------------------------------------------------

    @property
    def _chosen(self) -> Chosen:
        """Which optimizer each parameter has in the updater that is running, or ran last."""
        tally = self._counting.tally
        found = self._of_tally.get(tally)
        return self._of_tally.setdefault(tally, Chosen()) if found is None else found

    def optimizer_of(self, index: Index, weight: Any = None) -> Any:
        """Return the optimizer that has a parameter.

        Args:
            index: the parameter.
            weight: its weight, which a pattern that is a function needs until the first update.

        Raises:
            ValueError: no pattern matches, or a function needs the weight.
        """
        return self.optimizers[self._number_of(index, weight)]

    def _number_of(self, index: Index, weight: Any) -> int:
        numbers = self._chosen.numbers
        number: int | None = numbers.get(index)
        if number is None:
            number = self._match(index, weight)
            if weight is not None:
                numbers[index] = number
        return number

    def _match(self, index: Index, weight: Any) -> int:
        name = str(self.idx2name.get(index, index))
        for number, pattern in enumerate(self.patterns):
            if isinstance(pattern, str):
                if re.match(pattern, name):
                    return self._first[number]
            elif weight is None:
                raise ValueError(
                    f"the optimizer of {name!r} depends on its weight, and is known after its first update"
                )
            elif pattern(name, weight):
                return self._first[number]
        shown = ", ".join(map(parts.described, self.patterns))
        raise ValueError(
            f'{name!r} matches none of the patterns {shown}: add ".*" as the last pattern, with an optimizer for it'
        )

    @property
    def _first(self) -> list[int]:
        """For each optimizer, its number, or that of the same instance before."""
        known: dict[int, int] = {}
        return [known.setdefault(id(part), number) for number, part in enumerate(self.optimizers)]

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        del state["_of_tally"]  # it is chosen again
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _of_tally=weakref.WeakKeyDictionary())

    # --- updating ----------------------------------------------------------------------------------------------------

    def create_state(self, index: Index, weight: Array) -> Any:
        """Create the state of a parameter, as its optimizer does."""
        return self.optimizer_of(index, weight).create_state(index, weight)

    def create_state_multi_precision(self, index: Index, weight: Array) -> Any:
        """Create the state of a parameter, as its optimizer does."""
        return self.optimizer_of(index, weight).create_state_multi_precision(index, weight)

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Update a weight and its state in place."""
        self.optimizer_of(index, weight).update(index, weight, grad, state)

    def update_multi_precision(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        """Update weights and their states in place: all is checked, then each optimizer updates those it has."""
        indices, weights, grads, states = in_lists(index, weight, grad, state)
        places: dict[int, list[int]] = {}
        for place, one in enumerate(indices):
            places.setdefault(self._number_of(one, weights[place]), []).append(place)
        split = tuple((number, some, [indices[place] for place in some]) for number, some in places.items())
        factor = factor_of(self, grads)
        for number in places:
            self._prepare(number, factor)
        tally, ready, code = self._counting.tally, list[Ready](), []
        with self._undone(tally, places):
            for number, some, own in split:
                part, lists = self.optimizers[number], [[one[at] for at in some] for one in (weights, grads, states)]
                if traits_of(part).runs_rule:
                    ready.append(part._direct.ready(part, tally, own, *lists))
                    if ready[-1].over_all:
                        check_complete(part, own, self._chosen.of(number))
                else:
                    code.append((part, own, *lists))
            for part, own, *lists in code:
                run_array_code(part, tally, own, *lists)
        finish(tally, ready)
        if not code and not any(one.over_all for one in ready) and not self._count_early(places):
            self._chosen.remember(indices, split)

    def update_again(self, indices: list[Any], weights: list[Array], grads: list[Array], states: Any) -> bool:
        """Make a call of an updater if it is like an earlier one, checking only that; otherwise return False."""
        split = self._chosen.splits.get(tuple(indices))
        if split is None or self.clip_global_norm is not None:
            return False
        tally, factor, ready = self._counting.tally, self.unscale, list[Ready]()
        for number, places, own in split:
            self._prepare(number, factor)
            part, lists = self.optimizers[number], [[one[place] for place in places] for one in (weights, grads)]
            found = part._direct.ready_again(part, tally, own, *lists, states)
            if found is None:
                return False
            ready.append(found)
        finish(tally, ready)
        return True

    def _count_early(self, numbers: Iterable[int]) -> bool:
        """Return whether an optimizer counts before it knows its rates, so before everything is checked."""
        return any(traits_of(self.optimizers[number]).own_rates for number in numbers)

    def _undone(self, tally: Tally, numbers: Iterable[int]) -> AbstractContextManager[None]:
        """Undo the counting in the block if it fails, where counting is part of the checks."""
        return tally.taken_back_on_failure() if self._count_early(numbers) else nullcontext()

    def _prepare(self, number: int, factor: float) -> None:
        """Check the settings of an optimizer if some have been assigned, and let it multiply gradients by a factor.

        It does so where it rescales them: in half precision, the products may be too small.
        """
        part = self.optimizers[number]
        if self._seen.get(number) != part._settings_version.number:
            check(part, parts.MIXED_ALONE)
        if part.rescale_grad != self.rescale_grad * factor:
            vars(levels(part)[-1])["rescale_grad"] = self.rescale_grad * factor  # which may be NaN
            part._settings_version.number += 1
        self._seen[number] = part._settings_version.number
