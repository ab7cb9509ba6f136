r"""The distributions (uniform, normal, and plain random words) as mathematics that all emitters share.

They use only + − × ÷ √, comparisons and bit operations, which are exact or correctly rounded everywhere, and no
library's logarithm, sine or cosine.

**Uniform.** :math:`u = \lfloor w / 2^8 \rfloor 2^{-24}` (float32), or 53 bits of two words (float64), and
:math:`low + (high - low) u`, kept below *high* where rounding would reach it.

**Normal.** The Box-Muller transform: :math:`r = \sqrt{-2 \ln u}` and an angle :math:`\theta` give the two
elements :math:`r \cos \theta` and :math:`r \sin \theta`. Here :math:`u = (\lfloor w / 2 \rfloor + ½) 2^{-31}`, or the
same with 53 bits, so it is never 0: no element is farther than 6.67 (float32) or 8.66 (float64) standard deviations
from the mean. The error is below 5 units in the last place of the exact transform.

References:
    G. E. P. Box and M. E. Muller, "A note on the generation of random normal deviates", Annals of Mathematical
    Statistics 29 (1958), https://doi.org/10.1214/aoms/1177706645
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np

from mxcore.random.philox import LANES, philox
from mxcore.random.terms import Recorder, Term, Type, bits, from_bits, rounded, signed, sqrt, to_float, where, word

_ONES = 0xFFFFFFFF


@attrs.frozen
class _Precision:
    """The constants of a floating type.

    The series are valid for angles within ±π/4 and for logarithms between √½ and √2. Those for float64 are from
    FreeBSD's msun (``k_sin.c``, ``k_cos.c``, ``e_log.c``), those for float32 from Cephes (``sinf.c``) and msun
    (``e_logf.c``).

    Args:
        type: the type.
        log: coefficients of z, z², … in (ln(1 + f) - 2s) / s + f, where s = f / (2 + f) and z = s².
        ln2: ln 2 as a short number, whose products with exponents are exact, and the remainder.
        sin: coefficients of x³, x⁵, ….
        cos: coefficients of x⁴, x⁶, ….
    """

    type: Type
    log: tuple[float, ...]
    ln2: tuple[float, float]
    sin: tuple[float, ...]
    cos: tuple[float, ...]


_SINGLE = _Precision(
    type="f32",
    log=(0.66666662693, 0.40000972152, 0.28498786688, 0.24279078841),
    ln2=(6.9313812256e-01, 9.0580006145e-06),
    sin=(-1.6666654611e-1, 8.3321608736e-3, -1.9515295891e-4),
    cos=(4.166664568298827e-2, -1.388731625493765e-3, 2.443315711809948e-5),
)
_DOUBLE = _Precision(
    type="f64",
    log=(
        *(6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01),
        *(1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01),
    ),
    ln2=(6.93147180369123816490e-01, 1.90821492927058770002e-10),
    sin=(
        *(-1.66666666666666324348e-01, 8.33333333332248946124e-03, -1.98412698298579493134e-04),
        *(2.75573137070700676789e-06, -2.50507602534068634195e-08, 1.58969099521155010221e-10),
    ),
    cos=(
        *(4.16666666666666019037e-02, -1.38888888888741095749e-03, 2.48015872894767294178e-05),
        *(-2.75573143513906633035e-07, 2.08757232129817482790e-09, -1.13596475577881948265e-11),
    ),
)


def _uniform_32(words: Sequence[Term], low: Term, width: Term, top: Term) -> list[Term]:
    return [_below(low + width * (to_float(word >> 8, "f32") * 2.0**-24), top) for word in words]


def _uniform_64(words: Sequence[Term], low: Term, width: Term, top: Term) -> list[Term]:
    return [_below(low + width * (_53_bits(*pair) * 2.0**-53), top) for pair in (words[:2], words[2:])]


def _normal_32(words: Sequence[Term], loc: Term, scale: Term) -> list[Term]:
    elements = []
    for radius, angle in (words[:2], words[2:]):
        u, complement = ((to_float(word >> 1, "f32") + 0.5) * 2.0**-31 for word in (radius, radius ^ _ONES))
        elements += _box_muller(_SINGLE, u, complement, to_float(signed(angle << 2), "f32"), angle)
    return [loc + scale * element for element in elements]


def _normal_64(words: Sequence[Term], loc: Term, scale: Term) -> list[Term]:
    high, rest = words[:2]
    u, complement = ((_53_bits(*pair) + 0.5) * 2.0**-53 for pair in ((high, rest), (high ^ _ONES, rest ^ _ONES)))
    turn = to_float(signed(words[2] << 2), "f64") + to_float(words[3] >> 1, "f64") * 2.0**-29
    return [loc + scale * element for element in _box_muller(_DOUBLE, u, complement, turn, words[2])]


def _below(value: Term, top: Term) -> Term:
    return where(value < top, value, top)


def _53_bits(high: Term, rest: Term) -> Term:
    """Return an integer below 2⁵³: 27 bits of one word and 26 of another."""
    return to_float(high >> 5, "f64") * 2.0**26 + to_float(rest >> 6, "f64")


def _box_muller(p: _Precision, u: Term, complement: Term, turn: Term, sides: Term) -> list[Term]:
    """Return two independent elements of N(0, 1).

    Args:
        p: the precision to work in.
        u: a number in (0, 1), perhaps rounded to 1.
        complement: 1 - u, which does not round to 0.
        turn: an angle within a quarter of a circle, -2³¹ to 2³¹ for -π/4 to π/4.
        sides: a word whose two highest bits reflect the angle into the other three quarters.
    """
    radius = sqrt(_log(p, u, complement) * -2.0)
    cos, sin = _cos_sin(p, turn * (math.pi * 2.0**-33))
    cos = where(signed(sides) < 0, -cos, cos)
    swapped = signed(sides << 1) < 0
    return [radius * where(swapped, sin, cos), radius * where(swapped, cos, sin)]


def _log(p: _Precision, u: Term, complement: Term) -> Term:
    """Return the natural logarithm of u = 2ᵏ (1 + f), with 1 + f between √½ and √2; see :func:`_box_muller`."""
    root_half = rounded(0.5**0.5, p.type)
    layout = np.finfo(root_half.dtype)
    mantissa, bias = int(layout.nmant), int(layout.maxexp) - 1
    pattern, one = bits(u), bias << mantissa
    exponent = (pattern + (one - int(root_half.view(f"u{root_half.itemsize}")))) >> mantissa  # k + bias
    scaled = from_bits(pattern - (exponent << mantissa) + one, p.type)
    # Close to 1, u is rounded too coarsely for its logarithm, so take that of 1 - complement.
    f = where(u < float(root_half), scaled - 1.0, -complement)
    k = to_float(word(exponent), p.type) - float(bias)
    s = f / (f + 2.0)
    half_square = f * f * 0.5
    small = s * (half_square + _series(p.log, s * s)) + k * p.ln2[1]
    return k * p.ln2[0] - ((half_square - small) - f)


def _cos_sin(p: _Precision, x: Term) -> tuple[Term, Term]:
    """Return the cosine and sine of an angle within ±π/4."""
    square = x * x
    half_square = square * 0.5
    # 1 - x²/2 is rounded; the rounding error is added back together with the small terms.
    near = 1.0 - half_square
    cos = near + (((1.0 - near) - half_square) + square * _series(p.cos, square))
    return cos, x + x * _series(p.sin, square)


def _series(coefficients: Sequence[float], x: Term) -> Term:
    """Return c₁ x + c₂ x² + …, by Horner's rule."""
    value = x * coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        value = x * (value + coefficient)
    return value


@attrs.frozen
class Distribution:
    """One way to fill an array.

    Args:
        name: the prefix of the names of emitted functions.
        type: the type of the elements.
        parameters: the names of its parameters, each of that type.
        elements: computes the elements of a block from the block's words and the parameters.
    """

    name: str
    type: Type
    parameters: tuple[str, ...]
    elements: Callable[..., list[Term]]

    @property
    def per_block(self) -> int:
        """How many elements a block gives."""
        return 2 if self.type == "f64" else 4

    @property
    def group(self) -> int:
        """How many elements a group gives."""
        return LANES * self.per_block

    def record(self) -> tuple[Recorder, list[Term]]:
        """Record what is computed for a block, from the inputs ``block``, ``key``, ``stream`` and the parameters."""
        recorder = Recorder()
        counter: Any = recorder.input("block", "u64")
        halves = [recorder.input(name, "u64", uniform=True) for name in ("key", "stream")]
        parameters = [recorder.input(name, self.type, uniform=True) for name in self.parameters]
        return recorder, self.elements([word(lane) for lane in philox(counter, *halves)], *parameters)


DISTRIBUTIONS = {
    "words": Distribution("mx_words", "u32", (), list),
    "uniform_f32": Distribution("mx_uniform_f32", "f32", ("low", "width", "top"), _uniform_32),
    "uniform_f64": Distribution("mx_uniform_f64", "f64", ("low", "width", "top"), _uniform_64),
    "normal_f32": Distribution("mx_normal_f32", "f32", ("loc", "scale"), _normal_32),
    "normal_f64": Distribution("mx_normal_f64", "f64", ("loc", "scale"), _normal_64),
}
"""The distributions with which arrays can be filled."""
