"""Checks that every way to run a rule gives the same numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from mxcore import kernel
from mxcore.backend import get_backend
from mxcore.kernel.run import choose
from mxcore.kernel.run.direct import DirectPlan
from mxcore.native.emitters import available
from mxcore.testing.check import Array, check, expect
from mxcore.testing.steps import masters_missing, start, values
from mxcore.testing.subject import Subject

_SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-42, 3e38]


@check("optimizer")
def kernels_agree_with_the_rule(subject: Subject) -> None:
    """Compiled and blocked kernels give the same bits as the rule itself, even for infinities, NaN and denormals.

    If the rule uses exp, log, tanh or a power of an array, they agree within 4 units in the last place.
    """
    if not subject.runs_rule:
        return
    for dtype in ("float16", "float32", "float64"):
        with _directly():
            wanted = _trajectory(subject, dtype)
        for emitter in available():
            with _by(emitter):
                got = _trajectory(subject, dtype)
            for one, other in zip(got, wanted, strict=True):
                expect(_close(one, other), f"{emitter} gives {one}, the rule itself {other}")


def _trajectory(subject: Subject, dtype: str) -> list[Array]:
    rng = np.random.default_rng(1)
    weight, *grads = (rng.permutation(np.concatenate([rng.normal(size=60), _SPECIAL])) for _ in range(4))
    with np.errstate(over="ignore"):
        updater, params = start(subject), [weight.astype(dtype)]
    with masters_missing(), np.errstate(over="ignore"):
        for grad in grads:
            updater(0, grad.astype(dtype), params[0])
    return values(updater, params)


def _close(one: Array, other: Array) -> bool:
    if np.array_equal(one, other, equal_nan=True):
        return True
    try:
        np.testing.assert_array_max_ulp(one, other, 4)
    except AssertionError:
        return False
    return True


@contextmanager
def _by(emitter: str) -> Iterator[None]:
    before = kernel.in_use()
    kernel.use(emitter)
    try:
        yield
    finally:
        kernel.use(before)


@contextmanager
def _directly() -> Iterator[None]:
    """Make updates call the rule itself."""
    module: Any = choose
    chosen, module.plan_of = module.plan_of, DirectPlan
    try:
        yield
    finally:
        module.plan_of = chosen


def _no_device() -> str:
    """Return why nothing can be tested on a GPU here; empty if it can."""
    try:
        with get_backend("cupy").on(0):
            return ""
    except Exception as error:  # from CuPy, its driver, or mxcore
        return str(error)


@check("optimizer", needs=_no_device)
def gpus_agree_with_the_cpu(subject: Subject) -> None:
    """On a GPU, weights and states have the same bits as with NumPy.

    An ``update`` that mixes NumPy and CuPy arrays fails on a GPU.
    """
    on_device, backend = start(subject), get_backend("cupy")
    rng = np.random.default_rng(1)
    weight, *grads = (rng.normal(size=(7, 5)) for _ in range(4))
    there, on_host = backend.from_host(weight), start(subject)
    for grad in grads:
        on_device(0, backend.from_host(grad), there)
        on_host(0, grad, weight)
    got = [backend.to_host(array) for array in values(on_device, [there])]
    for one, other in zip(got, values(on_host, [weight]), strict=True):
        expect(_close(one, other), f"the GPU gives {one}, NumPy {other}")
