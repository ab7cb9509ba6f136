r"""The source of all random numbers: words of Philox4x32-10, by key and position.

Element *i* of a stream is a function only of the key and *i*, so it does not matter in what order, in what chunks, on
how many threads or on which device a stream is written. The functions here and in :mod:`mxcore.random.distributions`
are recorded once and rendered as NumPy calls, LLVM IR and CUDA C (:mod:`~mxcore.random.philox_numpy`,
:mod:`~mxcore.random.philox_llvm`, :mod:`~mxcore.random.philox_cuda`), which agree in every bit.

**Keys.** A key has 128 bits. The low half is Philox's own key. The high half, the *stream*, is the high half of
Philox's counter, whose low half counts *blocks*. A block is four words of 32 bits.

**Elements.** Eight blocks side by side, word after word, are a *group*: 32 elements of 32 bits or 16 of float64. With
:math:`n` elements to a block (4 or 2), element :math:`i` is number :math:`\lfloor i / 8 \rfloor \bmod n` of block
:math:`8 \lfloor i / 8n \rfloor + i \bmod 8`. So the eight lanes of a vector write eight adjacent elements.

References:
    J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011,
    https://doi.org/10.1145/2063384.2063405
"""

from __future__ import annotations

from typing import Any

LANES = 8
"""How many blocks are computed side by side."""

_LOW = 0xFFFFFFFF
_MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
_WEYL = 0x9E3779B9, 0xBB67AE85  # the golden ratio and √3 - 1, added to the key between rounds


def halves(key: int) -> tuple[int, int]:
    """Split a key into Philox's own key and the stream: the low and the high 64 bits."""
    return key & ((1 << 64) - 1), key >> 64


def philox(block: Any, key: Any, stream: Any) -> tuple[Any, Any, Any, Any]:
    """Return the four words of a block, each in the low 32 bits of 64; the high bits are arbitrary.

    Args:
        block: the low 64 bits of the counter, as a :class:`~mxcore.random.terms.Term` or an int, like the others.
        key: the 64 bits of Philox's key.
        stream: the high 64 bits of the counter.
    """
    x0, x1, x2, x3 = block, block >> 32, stream & _LOW, stream >> 32
    k0, k1 = key & _LOW, key >> 32
    for number in range(10):
        if number:
            k0, k1 = k0 + _WEYL[0], k1 + _WEYL[1]
        # Words stay in 64-bit lanes and are only truncated to 32 bits for multiplication. That is free: the vector
        # instruction multiplies the low halves of its lanes.
        p0, p1 = (x0 & _LOW) * _MULTIPLIERS[0], (x2 & _LOW) * _MULTIPLIERS[1]
        x0, x1, x2, x3 = (p1 >> 32) ^ x1 ^ k0, p1, (p0 >> 32) ^ x3 ^ k1, p0
    return x0, x1, x2, x3
