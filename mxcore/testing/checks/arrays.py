"""How an optimizer treats arrays."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

import numpy as np

from mxcore.optimizer import get_updater
from mxcore.testing.check import Array, check, expect, same
from mxcore.testing.steps import NAMES, gradients, numbers, run, start, update, values, weights
from mxcore.testing.subject import Subject

LAYOUTS: dict[str, Callable[[], Array]] = {
    "zero-dimensional": lambda: np.array(0.75),
    "without elements": lambda: np.zeros((3, 0)),
    "without rows": lambda: np.zeros((0, 3)),
    "with three axes": lambda: numbers(9, shape=(2, 3, 4)),
    "in Fortran order": lambda: np.asfortranarray(numbers(9, shape=(4, 3))),
    "strided": lambda: numbers(9, shape=(8, 9))[::2, 1::3],
    "reversed": lambda: numbers(9, shape=(4, 3))[::-1, ::-1],
}


@check("optimizer")
def gradients_are_left_alone(subject: Subject) -> None:
    """An update does not write to the gradient.

    Gradients may be accumulated over batches, inspected later, or belong to other code.
    """
    updater, params = start(subject), weights()
    for step in range(1, 4):
        mine = list(map(np.array, gradients(step)))  # writeable copies
        update(updater, mine, params)
        same(mine, gradients(step), "after the update the gradient")


@check("optimizer")
def dtypes_are_kept(subject: Subject) -> None:
    """float16, float32 and float64 weights are updated in place and stay finite, and their state has the same dtype.

    A NumPy scalar in a formula, or a state that is always float32, changes the dtype.
    """
    for dtype in ("float16", "float32", "float64"):
        updater, params = start(subject), weights(dtype)
        run(updater, range(1, 4), params)
        for array in values(updater, params):
            expect(array.dtype == dtype, f"a weight of {dtype} got a state of {array.dtype}")
            expect(np.isfinite(array).all(), f"{dtype}: {array}")
        moved = [w.tobytes() for w in params] != [w.tobytes() for w in weights(dtype)]
        expect(moved or dtype == "float16", f"three updates of {dtype} weights changed none of them")


@check("optimizer")
def half_precision_follows_its_master(subject: Subject) -> None:
    """With ``multi_precision``, float16 weights are the rounded weights of a float32 run.

    Steps that are too small for float16 must accumulate in the master copy.
    """
    half = run(start(subject, multi_precision=True), range(1, 4), weights("float16"))
    wide, updater = [w.astype("float32") for w in weights("float16")], start(subject)
    for step in range(1, 4):
        update(updater, [grad.astype("float32") for grad in gradients(step, "float16")], wide)
    same(half, [w.astype("float16") for w in wide], "float16 weights with a master")


@check("optimizer")
def layouts_make_no_difference(subject: Subject) -> None:
    """Arrays of any shape and layout can be updated: 0-d, empty, Fortran-ordered, strided and reversed ones.

    Weights are often views of a larger array.
    """
    for name, make in LAYOUTS.items():
        given, plain = make(), np.array(make(), order="C")
        one, other = start(subject), start(subject)
        for step in range(1, 4):
            grad = numbers(step, shape=plain.shape)
            one(0, np.asarray(grad, order="F"), given)
            other(0, grad, plain)
        same([given], [plain], f"a weight {name}", rtol=1e-12)  # a norm sums in memory order


@check("optimizer")
def lists_equal_single_calls(subject: Subject) -> None:
    """Updating a list of parameters is the same as updating them one by one, and counts each once.

    The form of a call should affect only its speed. An optimizer that looks at all parameters together is told which
    they are, so that it can wait for the last one.
    """
    single, together, wanted, listed = start(subject), start(subject), weights(), weights()
    if subject.looks_at_all:
        single = get_updater(single.optimizer, model=NAMES)
    for step in range(1, 6):
        for index, grad in enumerate(gradients(step)):
            single(index, grad, wanted[index])
        together(list(NAMES), gradients(step), listed)
    same(values(together, listed), values(single, wanted), "in lists, weights and states")
    counts = [updater.optimizer._index_update_count for updater in (single, together)]
    expect(counts[0] == counts[1] == dict.fromkeys(NAMES, 5), f"five updates of each are counted as {counts}")


@check("optimizer")
def order_makes_no_difference(subject: Subject) -> None:
    """The update of a parameter does not depend on other parameters or their order.

    In MXNet, Nadam's schedule and LARS's correction did, so that adding a layer changed all others. Where an optimizer
    looks at all parameters together, their order may change the last bits.
    """
    together = subject.looks_at_all
    forwards, backwards, alone = start(subject), start(subject), start(subject)
    wanted, reversed_, single = run(forwards, range(1, 5)), weights(), weights()
    for step in range(1, 5):
        backwards(list(NAMES)[::-1], gradients(step)[::-1], reversed_[::-1])
        alone(0, gradients(step)[0], single[0])
    same(reversed_, wanted, "in the opposite order, weights", rtol=1e-9 if together else 0.0)
    if not together:
        same(single[:1], wanted[:1], "without the others, the first weight")


@check("optimizer")
def splitting_makes_no_difference(subject: Subject) -> None:
    """An array may be split into two parameters, if the class is ``elementwise``.

    An optimizer that mixes elements must say so: ``elementwise = False``.
    """
    if not subject.elementwise:
        return
    whole, parts = weights()[0], np.split(weights()[0], 2)
    one, other = start(subject), start(subject, param_idx2name={0: "fc_weight", 1: "fc_weight"})
    for step in range(1, 5):
        grad = gradients(step)[0]
        one(0, grad, whole)
        other([0, 1], np.split(grad, 2), parts)
    same([np.concatenate(parts)], [whole], "in two halves, a weight")


@check("optimizer")
def memory_is_bounded(subject: Subject) -> None:
    """A step allocates at most six copies of its weight, or a tenth of one for a rule, and keeps none of them.

    Large models fill the memory, and temporary copies need as much again.
    """
    # So large that the scratch blocks of the NumPy kernel are small in comparison.
    weight, grad = np.ones(5 << 18), np.ones(5 << 18)
    updater = start(subject)
    for _ in range(2):
        updater(0, grad, weight)
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(2):
            updater(0, grad, weight)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    allowed = weight.nbytes // 10 if subject.runs_rule else 6 * weight.nbytes
    expect(peak - before < allowed, f"a step on {weight.nbytes} bytes allocates {peak - before} more")
    expect(after - before < weight.nbytes // 20, f"two steps on {weight.nbytes} bytes keep {after - before} more")


@check("optimizer")
def runs_are_deterministic(subject: Subject) -> None:
    """The same seed and the same gradients give the same bits.

    You can only debug a run that you can repeat.
    """
    one, other = start(subject), None
    first = values(one, run(one, range(1, 5)))
    other = start(subject)
    same(values(other, run(other, range(1, 5))), first, "in a second run, weights and states")


@check("optimizer")
def a_nan_shows(subject: Subject) -> None:
    """A NaN in the gradient makes that element of the weight NaN, and no other if the class is ``elementwise``.

    An error that disappears is noticed too late, and one that spreads cannot be located.
    """
    hurt, sane, updater, other = weights()[0], weights()[0], start(subject), start(subject)
    for step in range(1, 5):
        grad = gradients(step)[0]
        other(0, grad, sane)
        if step == 1:
            grad = np.array(grad)
            grad[0, 0] = np.nan
        with np.errstate(invalid="ignore"):
            updater(0, grad, hurt)
    expect(np.isnan(hurt[0, 0]), f"four updates after a NaN in its gradient the weight is {hurt[0, 0]}")
    if subject.elementwise:
        same([hurt.ravel()[1:]], [sane.ravel()[1:]], "beside an element with a NaN, the others")
