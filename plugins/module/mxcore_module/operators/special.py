"""The error function, which NumPy does not have."""

from __future__ import annotations

from typing import Any

from mxcore.backend import Array

__all__ = ["erf"]

# Chebyshev coefficients of log(erfc(x) eˣ² / t) over t = 2 / (2 + x); Press et al., "Numerical Recipes", 2007, 6.2.2.
_COEFFICIENTS = (
    -1.3026537197817094, 6.4196979235649026e-1, 1.9476473204185836e-2, -9.561514786808631e-3, -9.46595344482036e-4,
    3.66839497852761e-4, 4.2523324806907e-5, -2.0278578112534e-5, -1.624290004647e-6, 1.303655835580e-6,
    1.5626441722e-8, -8.5238095915e-8, 6.529054439e-9, 5.059343495e-9, -9.91364156e-10, -2.27365122e-10,
    9.6467911e-11, 2.394038e-12, -6.886027e-12, 8.94487e-13, 3.13092e-13, -1.12708e-13, 3.81e-16, 7.106e-15,
    -1.523e-15, -9.4e-17, 1.21e-16, -2.8e-17,
)  # fmt: skip


def erf(xp: Any, x: Array) -> Array:
    """Return the error function of each element, ``2/√π ∫₀ˣ exp(-t²) dt``, to the precision of the dtype."""
    size = abs(x)
    t = 2 / (2 + size)
    y = 4 * t - 2
    one, before = xp.zeros_like(x), xp.zeros_like(x)
    for coefficient in _COEFFICIENTS[:0:-1]:
        one, before = y * one - before + coefficient, one
    return xp.sign(x) * (1 - t * xp.exp(-size * size + 0.5 * (_COEFFICIENTS[0] + y * one) - before))
