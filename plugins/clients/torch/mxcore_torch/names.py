"""What torch calls the arguments and states of algorithms, and what they are called here."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import attrs
import torch

import mxcore as mx
from mxcore.step import levels

__all__ = ["NAMESAKES", "Names", "Namesake", "created", "number"]


@attrs.frozen
class Namesake:
    """An algorithm that ``torch.optim`` has, too.

    Args:
        name: its class there.
        arguments: its arguments whose names differ here, other than those of every optimizer.
        state: what it keeps for each parameter, and the slot here.
        fixed: arguments that make the class there this algorithm.
    """

    name: str
    arguments: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    state: Mapping[str, str] = attrs.field(factory=dict)
    fixed: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def defaults(self) -> dict[str, Any]:
        """What a group of parameters has there, by default."""
        made = getattr(torch.optim, self.name)([torch.nn.Parameter(torch.zeros(1, 1))])
        return {**made.defaults, **self.fixed}


_MOMENTS = {"exp_avg": "mean", "exp_avg_sq": "variance"}
_LARGEST = {**_MOMENTS, "max_exp_avg_sq": "largest"}
_DECOUPLED = {"decoupled_weight_decay": ("decoupled_wd",)}
NAMESAKES = {
    "adadelta": Namesake("Adadelta", {}, {"square_avg": "mean_square", "acc_delta": "mean_step"}),
    "adafactor": Namesake(
        "Adafactor",
        {"eps": ("epsilon1", "epsilon2"), "d": ("clip_threshold",)},
        {"row_var": "row", "col_var": "col", "variance": "0"},
    ),
    "adagrad": Namesake("Adagrad", {"initial_accumulator_value": ("initial_history",)}, {"sum": "history"}),
    "adam": Namesake("Adam", {}, _LARGEST),
    "adamax": Namesake("Adamax", {}, {"exp_avg": "mean", "exp_inf": "largest"}),
    "adamw": Namesake("AdamW", {}, _LARGEST),
    "asgd": Namesake("ASGD", {}, {"ax": "average", "eta": "eta"}),
    "muon": Namesake("Muon", {"adjust_lr_fn": ("scale_mode",)}, {"momentum_buffer": "m"}),
    "nadam": Namesake(
        "NAdam", {"momentum_decay": ("schedule_decay",), **_DECOUPLED}, {**_MOMENTS, "mu_product": "product"}
    ),
    "nag": Namesake("SGD", {}, {"momentum_buffer": "velocity"}, {"nesterov": True}),
    "radam": Namesake("RAdam", _DECOUPLED, _MOMENTS),
    "rmsprop": Namesake(
        "RMSprop",
        {"alpha": ("gamma1",), "momentum": ("gamma2",)},
        {"square_avg": "mean_square", "grad_avg": "mean", "momentum_buffer": "velocity"},
    ),
    "rprop": Namesake(
        "Rprop",
        {"etas": ("eta_minus", "eta_plus"), "step_sizes": ("step_min", "step_max")},
        {"prev": "previous", "step_size": "step"},
    ),
    "sgd": Namesake("SGD", {}, {"momentum_buffer": "velocity"}),
}
"""The algorithms of ``torch.optim`` by their names here."""
_CALL_WIDE = {"rescale_grad"}
_COMMON = {"lr": "learning_rate", "weight_decay": "wd", "eps": "epsilon"}


class Names:
    """The arguments of an optimizer by the names that torch has for them.

    Args:
        optimizer: the optimizer.
    """

    def __init__(self, optimizer: Any) -> None:
        inner = levels(optimizer)[-1]
        self.namesake = NAMESAKES.get(type(inner).__name__.lower())
        """The algorithm in ``torch.optim``; None if it has none of this name."""
        self.of: dict[str, tuple[str, ...]] = {"lr": ("learning_rate",), "weight_decay": ("wd",)}
        """Our arguments by torch's."""
        betas = tuple(name for name in ("beta1", "beta2", "beta3") if getattr(inner, name, None) is not None)
        known = {"eps": ("epsilon",), **({"betas": betas} if len(betas) > 1 else {})}
        known |= self.namesake.arguments if self.namesake else {}
        self.of |= {key: ours for key, ours in known.items() if all(hasattr(inner, name) for name in ours)}

    def ours(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return arguments by our names.

        Raises:
            ValueError: an argument that stands for several has another number of values.
        """
        found: dict[str, Any] = {}
        for key, value in given.items():
            names = self.of.get(key, (key,))
            values = (value,) if len(names) == 1 else tuple(value)
            if len(values) != len(names):
                raise ValueError(f"{key} must have {len(names)} numbers ({', '.join(names)}), got {value!r}")
            found |= zip(names, map(number, values), strict=True)
        return found

    def theirs(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return arguments by torch's names, as far as it has some."""
        left, found = dict(given), {}
        for key, names in self.of.items():
            if all(name in left for name in names):
                values = tuple(left.pop(name) for name in names)
                found[key] = values[0] if len(values) == 1 else values
        return {**found, **left}

    def of_groups(self, optimizer: Any) -> dict[str, Any]:
        """Return the numbers that may differ between groups of parameters, by torch's names."""
        trial, found = copy.deepcopy(optimizer), dict[str, Any]()
        trial.lr_scheduler = None
        trial.observe(1.0)
        for name, value in trial.settings_of("").items():
            if name in _CALL_WIDE or callable(getattr(levels(trial)[-1], name, None)):
                continue
            try:
                trial.groups = {"any": {name: value}}
            except ValueError:
                continue
            found[name] = value
        return self.theirs(found)


def number(value: Any) -> Any:
    """Return a number of torch as one of Python's."""
    return value.item() if isinstance(value, torch.Tensor) and value.numel() == 1 else value


def created(name: str, given: Mapping[str, Any]) -> Any:
    """Create an optimizer as torch has it: with its names of arguments, its formulas, and its learning rate.

    Args:
        name: the name, which may have wrappers.
        given: the arguments.
    """
    try:
        probe = mx.optimizer.create(name)
    except (TypeError, ValueError):  # it has arguments without a default
        return mx.optimizer.create(name, **{_COMMON.get(key, key): number(value) for key, value in given.items()})
    names, inner = Names(probe), levels(probe)[-1]
    ours = names.ours(given)
    declared = attrs.fields_dict(type(inner))
    convention = type(inner).conventions.get("torch", {})
    for key, value in convention.items() if isinstance(convention, Mapping) else ():
        if getattr(inner, key) == declared[key].default:
            ours.setdefault(key, value)
    if names.namesake and inner.lr == type(inner).default_learning_rate and not ours.get("lr_scheduler"):
        ours.setdefault("learning_rate", names.namesake.defaults["lr"])
    return mx.optimizer.create(name, **ours)
