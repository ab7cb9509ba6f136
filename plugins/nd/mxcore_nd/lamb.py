"""LAMB's update as two functions, between which the norms are taken: ``mx.nd.lamb_update_phase1`` and its like."""

from __future__ import annotations

from typing import Any

from mxcore_nd.array import bare, deliver, xp_of
from mxcore_nd.updates import half, number, prepared

__all__ = ["lamb_update_phase1", "lamb_update_phase2", "mp_lamb_update_phase1", "mp_lamb_update_phase2"]


def lamb_update_phase1(
    weight: Any,
    grad: Any,
    mean: Any,
    var: Any,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-6,
    t: int = 1,
    bias_correction: bool = True,
    wd: float = 0.0,
    rescale_grad: Any = 1.0,
    clip_gradient: float = -1.0,
    out: Any = None,
    **_: Any,
) -> Any:
    r"""Return the direction of LAMB's ``t``-th step, :math:`\hat m / (\sqrt{\hat v} + \epsilon) + \lambda w`.

    :math:`m` and :math:`v` are those of Adam for the gradient :math:`\tilde g`; the hats stand for the bias correction.
    """
    w, m, v, xp = bare(weight), bare(mean), bare(var), xp_of(weight)
    g = prepared(grad, rescale_grad, clip_gradient)
    m[...] = beta1 * m + (1 - beta1) * g
    v[...] = beta2 * v + (1 - beta2) * g * g
    first, second = (1 - beta1**t, 1 - beta2**t) if bias_correction else (1.0, 1.0)
    return deliver(m / first / (xp.sqrt(v / second) + epsilon) + wd * w, out)


def lamb_update_phase2(
    weight: Any,
    g: Any,
    r1: Any,
    r2: Any,
    lr: Any,
    lower_bound: float = -1.0,
    upper_bound: float = -1.0,
    out: Any = None,
    **_: Any,
) -> Any:
    r"""Make LAMB's step along ``g``: :math:`w - \eta\, (r_1 / r_2)\, g`.

    ``r1`` is the norm of the weight, which positive bounds limit, and ``r2`` that of ``g``. If one is 0, the
    ratio is 1.
    """
    xp, norm, other = xp_of(weight), bare(r1), bare(r2)
    norm = xp.asarray(norm)
    norm = norm if lower_bound is None or lower_bound <= 0 else xp.maximum(norm, lower_bound)
    norm = norm if upper_bound is None or upper_bound <= 0 else xp.minimum(norm, upper_bound)
    ratio = xp.where((norm == 0) | (other == 0), 1, norm / xp.where(other == 0, 1, other))
    direction = bare(g)
    return deliver(bare(weight) - number(lr) * ratio.astype(direction.dtype) * direction, out)


def mp_lamb_update_phase1(
    weight: Any, grad: Any, mean: Any, var: Any, weight32: Any, *, out: Any = None, **named: Any
) -> Any:
    """Do what ``lamb_update_phase1`` does, on ``weight32``."""
    return lamb_update_phase1(weight32, bare(grad).astype(weight32.dtype), mean, var, out=out, **named)


def mp_lamb_update_phase2(
    weight: Any, g: Any, r1: Any, r2: Any, weight32: Any, lr: Any, *, out: Any = None, **named: Any
) -> Any:
    """Do what ``lamb_update_phase2`` does, on ``weight32``."""
    lamb_update_phase2(weight32, g, r1, r2, lr, out=weight32, **named)
    return half(weight, weight32, out)
