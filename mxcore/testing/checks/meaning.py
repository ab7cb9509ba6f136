"""The meaning of the arguments that all optimizers share."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from mxcore.optimizer import Updater
from mxcore.testing.check import Array, check, expect, refuses, same
from mxcore.testing.steps import gradients, run, start, weights
from mxcore.testing.subject import Subject, own_fields, required

CLIP, WD = 0.75, 0.25


@check("optimizer")
def rescaling_multiplies_the_gradient(subject: Subject) -> None:
    """``rescale_grad`` is a factor on every gradient.

    It turns the gradient of a sum over a batch into that of the mean.
    """
    halved = run(start(subject, rescale_grad=1.0), range(1, 5), change=lambda grad: grad / 2)
    same(run(start(subject, rescale_grad=0.5), range(1, 5)), halved, "with rescale_grad=0.5, weights")


@check("optimizer")
def clipping_bounds_the_gradient(subject: Subject) -> None:
    """``clip_gradient`` bounds each element of the gradient.

    A bound that is accepted but ignored is noticed only when a run diverges. A wrapper is not asked: the optimizer that
    it wraps clips what the wrapper makes of the gradient.
    """
    if subject.wraps:
        return
    plain = {"rescale_grad": 1.0, "wd": 0.0}
    clipped = run(
        start(subject, **plain, clip_gradient=None),
        range(1, 5),
        change=lambda grad: np.clip(grad, -CLIP, CLIP),
    )
    same(run(start(subject, **plain, clip_gradient=CLIP), range(1, 5)), clipped, f"with clip_gradient={CLIP}, weights")


@check("optimizer")
def decay_enters_where_it_is_declared(subject: Subject) -> None:
    """``wd`` decays weights where ``decay`` says, or is refused.

    ``before_clip`` and ``after_clip``: it is added to the gradient. ``decoupled``: it is subtracted from the weight,
    times the learning rate. If the rule or ``update`` applies it, it must have some effect. A wrapper is not asked.
    """
    if subject.wraps or not _takes_decay(subject):
        return
    settings: dict[str, Any] = {"rescale_grad": 1.0, "clip_gradient": CLIP}
    decayed, where = _first(start(subject, **settings, wd=WD)), _place(subject)
    if where == "own":
        plain = _first(start(subject, **settings, wd=0.0))
        expect(not np.array_equal(decayed, plain), f"wd={WD} changes nothing")
        return
    updater, weight = start(subject, rescale_grad=1.0, clip_gradient=None, wd=0.0), weights()[0]
    for step in range(1, 5):
        grad, before = gradients(step)[0], np.array(weight)
        updater(0, _with_decay(where, grad, weight), weight)
        if where == "decoupled":
            weight -= updater.optimizer.learning_rate * WD * before
    same([decayed], [weight], f"with wd={WD} and clip_gradient={CLIP}, the weight of decay={where!r}", rtol=1e-9)


def _first(updater: Updater) -> Array:
    """Return the first weight after four updates of it alone."""
    weight = weights()[0]
    for step in range(1, 5):
        updater(0, gradients(step)[0], weight)
    return weight


def _place(subject: Subject) -> str:
    return str(subject.make().decay) if subject.runs_rule else "own"


def _with_decay(where: str, grad: Array, weight: Array) -> Array:
    if where == "before_clip":
        return np.clip(grad + WD * weight, -CLIP, CLIP)
    return np.clip(grad, -CLIP, CLIP) + (WD * weight if where == "after_clip" else 0.0)


def _takes_decay(subject: Subject) -> bool:
    try:
        subject.make(wd=WD)
    except ValueError:
        return False
    return True


@check("optimizer")
def biases_do_not_decay(subject: Subject) -> None:
    """``wd`` does not affect parameters whose names end in neither ``_weight`` nor ``_gamma``.

    A bias does not make a model complex.
    """
    if _takes_decay(subject):
        updaters, biases = [start(subject, wd=wd) for wd in (WD, 0.0)], [weights()[1] for _ in range(2)]
        for step in range(1, 5):
            for updater, bias in zip(updaters, biases, strict=True):
                updater(1, gradients(step)[1], bias)
        same(biases[:1], biases[1:], f"with wd={WD}, a bias")


@check("optimizer")
def multipliers_scale_the_rate(subject: Subject) -> None:
    """``lr_mult`` is a factor on the learning rate of a parameter.

    Pretrained layers are fine-tuned with smaller learning rates.
    """
    updater, halved = start(subject, learning_rate=0.1), start(subject, learning_rate=0.05)
    updater.optimizer.set_lr_mult(dict.fromkeys(range(3), 0.5))
    same(run(updater, range(1, 5)), run(halved, range(1, 5)), "with lr_mult=0.5, weights")


@check("optimizer")
def a_rate_of_zero_keeps_the_weights(subject: Subject) -> None:
    """At a learning rate of 0, weights do not change, unless the class sets ``moves_at_rate_zero``.

    Schedules end at 0, and a rate of 0 freezes layers.
    """
    kept = run(start(subject, learning_rate=0.0), range(1, 4))
    moves = any(new.tobytes() != old.tobytes() for new, old in zip(kept, weights(), strict=True))
    said = subject.moves_at_rate_zero
    expect(moves == said, f"moves_at_rate_zero is {said}, and the weights {'have' if moves else 'have not'} moved")


@check("optimizer")
def a_gradient_of_zero_moves_nothing(subject: Subject) -> None:
    """While all gradients are 0, weights do not change, apart from weight decay.

    Weights that the data does not affect must not drift; this is why np.sign(0) is 0.
    """
    for dtype in ("float64", "float32", "float16"):
        updater = start(subject, wd=0.0)
        moved = run(updater, range(1, 4), weights(dtype), change=lambda grad: np.zeros_like(grad))
        same(moved, weights(dtype), f"after three gradients of 0, {dtype} weights", rtol=1e-12)


@check("optimizer")
def huge_gradients_break_nothing(subject: Subject) -> None:
    """After a gradient near the largest number of its dtype, and two ordinary ones, all weights are finite.

    Squares overflow long before a gradient does, and inf / inf and 0 · inf are NaN.
    """
    for dtype in ("float16", "float32", "float64"):
        largest = float(np.finfo(dtype).max)
        for size in (largest / 8, 4 * largest**0.5):
            updater, params = start(subject), weights(dtype)
            with np.errstate(all="ignore"):
                run(updater, [1], params, change=functools.partial(np.multiply, np.dtype(dtype).type(size)))
                run(updater, [2, 3], params)
            expect(
                all(np.isfinite(one).all() for one in params),
                f"a gradient of about {size:.0e} and two of about 1 make {dtype} weights {params[0]}",
            )


@check("optimizer")
def updates_are_counted_once(subject: Subject) -> None:
    """Each call counts as one update of the parameter, and the schedule is called with that count.

    If a class counts by itself as well, bias corrections and schedules run twice as fast.
    """
    asked: list[int] = []

    def schedule(update: int) -> float:
        asked.append(update)
        return 0.05

    updater, weight = start(subject, learning_rate=None, lr_scheduler=schedule), weights()[0]
    for step in range(1, 4):
        updater(0, gradients(step)[0], weight)
    counts = dict(updater.optimizer._index_update_count)
    expect(counts == {0: 3}, f"three updates are counted as {counts}")
    expect(set(asked) <= {1, 2, 3}, f"in three updates, the schedule was called with {sorted(set(asked))}")


@check("optimizer")
def bad_arguments_are_refused(subject: Subject) -> None:
    """An argument that is not a number or out of range is a ValueError that names it and says what it must be.

    A "0.1" or NaN from a configuration file should be reported where it is passed.
    """
    shared = ["rescale_grad", "wd", "clip_gradient", "learning_rate"]
    arguments = [*shared, *(field.alias for field in own_fields(subject.cls))]
    wrong = [(argument, bad) for argument in arguments for bad in (float("nan"), "a lot", object())]
    below: Sequence[tuple[str, Any]] = [("wd", -0.1), ("learning_rate", -0.1), ("clip_gradient", 0.0)]
    for argument, bad in (*wrong, *below):
        given = {**required(subject.cls), argument: bad}
        make = Subject(subject.cls, given).make if argument in shared else functools.partial(subject.cls, **given)
        refuses(make, f"{argument}={bad!r}", says=f"{argument} must be")
