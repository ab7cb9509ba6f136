r"""Updates of one weight as functions: ``mx.nd.sgd_update`` and the like, under MXNet's names and with its arguments.

Each writes the new weight into ``out`` (or returns it in a new array), and changes the arrays of the state in place. In
the formulas, :math:`w` is the weight, :math:`\eta` the learning rate, :math:`\lambda` the weight decay, and
:math:`\tilde g = \mathrm{clip}(R\,g)` the gradient, rescaled by ``rescale_grad`` and limited to ``clip_gradient`` on
both sides; a negative ``clip_gradient`` means no limit. The forms that begin with ``mp_`` compute on the float32 weight
``weight32`` and copy it into the half-precision weight.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

from mxcore_nd.array import bare, deliver, xp_of

__all__ = [
    "adam_update", "ftml_update", "ftrl_update", "mp_nag_mom_update", "mp_sgd_mom_update", "mp_sgd_update",
    "nag_mom_update",
    "rmsprop_update", "rmspropalex_update", "sgd_mom_update", "sgd_update", "signsgd_update", "signum_update",
]  # fmt: skip


def prepared(grad: Any, rescale_grad: Any, clip_gradient: Any, like: Any = None) -> Any:
    """Return a gradient rescaled and clipped, in the dtype of ``like``."""
    g = bare(grad)
    g = (g if like is None else g.astype(like.dtype)) * number(rescale_grad)
    return limited(g, clip_gradient)


def limited(values: Any, bound: Any) -> Any:
    """Return values limited to ``bound`` on both sides; a negative bound, or None, is none."""
    return values if bound is None or bound < 0 else xp_of(values).clip(values, -bound, bound)


def number(value: Any) -> Any:
    """Return the only element of an array, or a number as it is."""
    return float(value.reshape(-1)[0]) if hasattr(value, "reshape") else value


def sgd_update(
    weight: Any,
    grad: Any,
    lr: Any,
    wd: float = 0.0,
    rescale_grad: Any = 1.0,
    clip_gradient: float = -1.0,
    lazy_update: bool = True,
    out: Any = None,
    **_: Any,
) -> Any:
    r"""Make a step of SGD: :math:`w \leftarrow (1 - \eta\lambda)\,w - \eta\,\tilde g`.

    >>> import mxcore as mx
    >>> weight = mx.nd.ones(2)
    >>> _ = mx.nd.sgd_update(weight, mx.nd.ones(2), lr=0.5, out=weight)
    >>> weight.asnumpy()
    array([0.5, 0.5], dtype=float32)
    """
    w, lr = bare(weight), number(lr)
    return deliver((1 - lr * wd) * w - lr * prepared(grad, rescale_grad, clip_gradient), out)


def sgd_mom_update(
    weight: Any,
    grad: Any,
    mom: Any,
    lr: Any,
    momentum: float = 0.0,
    wd: float = 0.0,
    rescale_grad: Any = 1.0,
    clip_gradient: float = -1.0,
    lazy_update: bool = True,
    out: Any = None,
    **_: Any,
) -> Any:
    r"""Make a step of SGD with momentum: :math:`m \leftarrow \mu m - \eta\lambda w - \eta\,\tilde g`, :math:`w + m`."""
    w, m, lr = bare(weight), bare(mom), number(lr)
    m[...] = momentum * m - lr * wd * w - lr * prepared(grad, rescale_grad, clip_gradient)
    return deliver(w + m, out)


def half(weight: Any, weight32: Any, out: Any) -> Any:
    """Return the float32 weight in the dtype of the weight."""
    return deliver(bare(weight32).astype(weight.dtype), out)


def on_master(function: Callable[..., Any], after: str) -> Callable[..., Any]:
    """Return an update of half-precision weights by one of float32 weights.

    Args:
        function: the update.
        after: the argument behind which the float32 weight ``weight32`` comes.
    """
    own = inspect.signature(function)
    parameters = list(own.parameters.values())
    parameters.insert([*own.parameters].index(after) + 1, parameters[0].replace(name="weight32"))
    signature = own.replace(parameters=parameters)

    def apply(*arguments: Any, **named: Any) -> Any:
        given = signature.bind(*arguments, **named).arguments
        weight, weight32, out = given.pop("weight"), given.pop("weight32"), given.pop("out", None)
        given.pop("_", None)
        grad = bare(given.pop("grad")).astype(weight32.dtype)
        function(weight32, grad, **given, out=weight32)
        return half(weight, weight32, out)

    apply.__name__ = apply.__qualname__ = f"mp_{function.__name__}"
    apply.__module__ = function.__module__
    apply.__signature__ = signature  # type: ignore[attr-defined]
    apply.__doc__ = (
        f"Do what ``{function.__name__}`` does on the float32 weight ``weight32``, and copy it into the weight."
    )
    return apply


def nag_mom_update(
    weight: Any,
    grad: Any,
    mom: Any,
    lr: Any,
    momentum: float = 0.0,
    wd: float = 0.0,
    rescale_grad: Any = 1.0,
    clip_gradient: float = -1.0,
    out: Any = None,
    **_: Any,
) -> Any:
    r"""Make a step of NAG.

    With :math:`G = \tilde g + \lambda w`, :math:`m \leftarrow \mu m - \eta G` and :math:`w + \mu m - \eta G`. This is
    the textbook rule, as in the optimizer ``nag``; MXNet's kernel takes the decay from the new weight.
    """
    w, m, lr = bare(weight), bare(mom), number(lr)
    step = lr * (prepared(grad, rescale_grad, clip_gradient) + wd * w)
    m[...] = momentum * m - step
    return deliver(w + momentum * m - step, out)


def adam_update(
    weight: Any,
    grad: Any,
    mean: Any,
    var: Any,
    lr: Any,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    wd: float = 0.0,
    rescale_grad: Any = 1.0,
    clip_gradient: float = -1.0,
    lazy_update: bool = True,
    out: Any = None,
    **_: Any,
) -> Any:
    r"""Make a step of Adam; ``lr`` must include the bias correction, :math:`\sqrt{1-\beta_2^t} / (1-\beta_1^t)`.

    With :math:`G = \mathrm{clip}(R\,g + \lambda w)`, :math:`m \leftarrow \beta_1 m + (1-\beta_1) G`,
    :math:`v \leftarrow \beta_2 v + (1-\beta_2) G^2` and :math:`w - \eta\, m / (\sqrt{v} + \epsilon)`.
    """
    w, m, v, xp = bare(weight), bare(mean), bare(var), xp_of(weight)
    g = limited(prepared(grad, rescale_grad, -1) + wd * w, clip_gradient)
    m[...] = beta1 * m + (1 - beta1) * g
    v[...] = beta2 * v + (1 - beta2) * g * g
    return deliver(w - number(lr) * m / (xp.sqrt(v) + epsilon), out)


def rmsprop_update(
    weight: Any,
    grad: Any,
    n: Any,
    lr: Any,
    gamma1: float = 0.95,
    epsilon: float = 1e-8,
    wd: float = 0.0,
    rescale_grad: Any = 1.0,
    clip_gradient: float = -1.0,
    clip_weights: float = -1.0,
    out: Any = None,
    **_: Any,
) -> Any:
    r"""Make a step of RMSProp.

    :math:`n \leftarrow \gamma_1 n + (1-\gamma_1) G^2`, :math:`w - \eta\, G / \sqrt{n + \epsilon}`; :math:`G` is as in
    ``adam_update``; ``clip_weights`` limits the new weight.
    """
    w, square, xp = bare(weight), bare(n), xp_of(weight)
    g = limited(prepared(grad, rescale_grad, -1) + wd * w, clip_gradient)
    square[...] = gamma1 * square + (1 - gamma1) * g * g
    return deliver(limited(w - number(lr) * g / xp.sqrt(square + epsilon), clip_weights), out)


def rmspropalex_update(
    weight: Any,
    grad: Any,
    n: Any,
    g: Any,
    delta: Any,
    lr: Any,
    gamma1: float = 0.95,
    gamma2: float = 0.9,
    epsilon: float = 1e-8,
    wd: float = 0.0,
    rescale_grad: Any = 1.0,
    clip_gradient: float = -1.0,
    clip_weights: float = -1.0,
    out: Any = None,
    **_: Any,
) -> Any:
    r"""Make a step of centered RMSProp, with the mean ``g`` of the gradients and the step ``delta``.

    :math:`\bar g \leftarrow \gamma_1 \bar g + (1-\gamma_1) G`,
    :math:`\Delta \leftarrow \gamma_2 \Delta - \eta\, G / \sqrt{n - \bar g^2 + \epsilon}` and :math:`w + \Delta`. A
    variance that rounding makes negative counts as 0, as in the optimizer ``rmsprop``.
    """
    w, square, mean, step, xp = bare(weight), bare(n), bare(g), bare(delta), xp_of(weight)
    given = limited(prepared(grad, rescale_grad, -1) + wd * w, clip_gradient)
    square[...] = gamma1 * square + (1 - gamma1) * given * given
    mean[...] = gamma1 * mean + (1 - gamma1) * given
    variance = xp.maximum(square - mean * mean, 0)
    step[...] = gamma2 * step - number(lr) * given / xp.sqrt(variance + epsilon)
    return deliver(limited(w + step, clip_weights), out)


def ftrl_update(
    weight: Any,
    grad: Any,
    z: Any,
    n: Any,
    lr: Any,
    lamda1: float = 0.01,
    beta: float = 1.0,
    wd: float = 0.0,
    rescale_grad: Any = 1.0,
    clip_gradient: float = -1.0,
    out: Any = None,
    **_: Any,
) -> Any:
    r"""Make a step of FTRL-Proximal.

    :math:`z \leftarrow z + \tilde g - (\sqrt{n + \tilde g^2} - \sqrt n)\, w / \eta`,
    :math:`n \leftarrow n + \tilde g^2`; the weight is
    :math:`(\operatorname{sign}(z) \lambda_1 - z) / ((\beta + \sqrt n) / \eta + \lambda)` where
    :math:`|z| > \lambda_1`, else 0.
    """
    w, total, square, xp, lr = bare(weight), bare(z), bare(n), xp_of(weight), number(lr)
    g = prepared(grad, rescale_grad, clip_gradient)
    total[...] = total + g - (xp.sqrt(square + g * g) - xp.sqrt(square)) * w / lr
    square[...] = square + g * g
    new = (xp.sign(total) * lamda1 - total) / ((beta + xp.sqrt(square)) / lr + wd)
    return deliver(xp.where(abs(total) > lamda1, new, xp.zeros_like(new)), out)


def ftml_update(
    weight: Any,
    grad: Any,
    d: Any,
    v: Any,
    z: Any,
    lr: Any,
    t: int,
    beta1: float = 0.6,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    wd: float = 0.0,
    rescale_grad: Any = 1.0,
    clip_grad: float = -1.0,
    out: Any = None,
    **_: Any,
) -> Any:
    r"""Make a step of FTML, the ``t``-th; :math:`G` is as in ``adam_update``, and the limit is called ``clip_grad``.

    :math:`v \leftarrow \beta_2 v + (1-\beta_2) G^2`,
    :math:`d' = \frac{1-\beta_1^t}{\eta} (\sqrt{v / (1-\beta_2^t)} + \epsilon)`,
    :math:`z \leftarrow \beta_1 z + (1-\beta_1) G - (d' - \beta_1 d)\, w`, :math:`d \leftarrow d'`, and :math:`-z / d'`.
    """
    w, xp, lr = bare(weight), xp_of(weight), number(lr)
    old, square, total = bare(d), bare(v), bare(z)
    g = limited(prepared(grad, rescale_grad, -1) + wd * w, clip_grad)
    square[...] = beta2 * square + (1 - beta2) * g * g
    new = (1 - beta1**t) / lr * (xp.sqrt(square / (1 - beta2**t)) + epsilon)
    total[...] = beta1 * total + (1 - beta1) * g - (new - beta1 * old) * w
    old[...] = new
    return deliver(-total / new, out)


def signsgd_update(
    weight: Any,
    grad: Any,
    lr: Any,
    wd: float = 0.0,
    rescale_grad: Any = 1.0,
    clip_gradient: float = -1.0,
    out: Any = None,
    **_: Any,
) -> Any:
    r"""Make a step of signSGD: :math:`(1 - \eta\lambda)\,w - \eta \operatorname{sign}(R\,g)`."""
    w, lr = bare(weight), number(lr)
    return deliver((1 - lr * wd) * w - lr * xp_of(weight).sign(prepared(grad, rescale_grad, clip_gradient)), out)


def signum_update(
    weight: Any,
    grad: Any,
    mom: Any,
    lr: Any,
    momentum: float = 0.0,
    wd: float = 0.0,
    rescale_grad: Any = 1.0,
    clip_gradient: float = -1.0,
    wd_lh: float = 0.0,
    out: Any = None,
    **_: Any,
) -> Any:
    r"""Make a step of Signum, with the decoupled decay ``wd_lh``.

    :math:`m \leftarrow \mu m - (1-\mu)(\lambda w + \tilde g)`, and :math:`(1 - \eta\lambda_{lh})\,w + \eta
    \operatorname{sign}(m)`.
    """
    w, m, lr = bare(weight), bare(mom), number(lr)
    m[...] = momentum * m - (1 - momentum) * (wd * w + prepared(grad, rescale_grad, clip_gradient))
    return deliver((1 - lr * wd_lh) * w + lr * xp_of(weight).sign(m), out)


def skips(rescale_grad: Any) -> bool:
    """Return whether a step with this rescaling is left out, as after an overflow: 0, infinite or NaN."""
    factor = float(number(rescale_grad))
    return factor == 0 or not math.isfinite(factor)


mp_sgd_update = on_master(sgd_update, after="grad")
mp_sgd_mom_update = on_master(sgd_mom_update, after="mom")
mp_nag_mom_update = on_master(nag_mom_update, after="mom")
