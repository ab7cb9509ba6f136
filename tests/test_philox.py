"""Element i of a stream depends only on the key and i, to the bit, and has the right distribution."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mxcore.native import compile as machine
from mxcore.random import fill, philox_llvm, philox_numpy
from mxcore.random.distributions import DISTRIBUTIONS, Distribution
from mxcore.random.philox import philox

DTYPES = {"u32": np.uint32, "f32": np.float32, "f64": np.float64}
FLOATS = [np.float32, np.float64]
LOW = 2**64 - 1
KEY = 0x0123456789ABCDEF_FEDCBA9876543210

every_distribution = pytest.mark.parametrize("distribution", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS)
every_float = pytest.mark.parametrize("dtype", FLOATS)
keys = st.integers(0, 2**128 - 1)
starts = st.one_of(st.integers(0, 100), st.integers(0, 2**62))
sizes = st.one_of(st.integers(0, 70), st.integers(0, 40_000))

Fill = Callable[..., np.ndarray[Any, Any]]


def parameters(distribution: Distribution) -> tuple[float, ...]:
    dtype = DTYPES[distribution.type]
    values = {"low": -1.25, "width": 3.7, "top": 2.4, "loc": 0.3, "scale": 1.7}
    return tuple(float(dtype(values[name])) for name in distribution.parameters)


def written(emitter: Any, distribution: Distribution, key: int, start: int, size: int) -> np.ndarray[Any, Any]:
    out = np.empty(size, DTYPES[distribution.type])
    emitter.fill(distribution, out, start, key, parameters(distribution))
    return out


# --- the generator ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_the_words_are_those_of_the_known_answers_of_random123(counter: str, key: str, words: str) -> None:
    c, k = ([int(word, 16) for word in text.split()] for text in (counter, key))
    answer = philox(c[0] | c[1] << 32, k[0] | k[1] << 32, c[2] | c[3] << 32)
    assert " ".join(f"{word % 2**32:08x}" for word in answer) == words


def test_elements_are_the_words_of_eight_blocks_side_by_side() -> None:
    words = written(philox_numpy, DISTRIBUTIONS["words"], KEY, 0, 64)
    for i, found in enumerate(words):
        block, word = 8 * (i // 32) + i % 8, i // 8 % 4
        assert found == philox(block, KEY & LOW, KEY >> 64)[word] % 2**32


# --- the same bits, however they are written -------------------------------------------------------------------------


@every_distribution
@given(key=keys, start=starts, size=sizes)
def test_llvm_writes_what_numpy_writes(distribution: Distribution, key: int, start: int, size: int) -> None:
    expected = written(philox_numpy, distribution, key, start, size)
    assert written(philox_llvm, distribution, key, start, size).tobytes() == expected.tobytes()


@every_distribution
@given(key=keys, start=starts, cuts=st.lists(st.integers(0, 300), max_size=5))
def test_chunks_change_nothing(distribution: Distribution, key: int, start: int, cuts: list[int]) -> None:
    whole = written(philox_numpy, distribution, key, start, 300)
    bounds = [0, *sorted(cuts), 300]
    for emitter in (philox_numpy, philox_llvm):
        parts = [
            written(emitter, distribution, key, start + low, high - low) for low, high in itertools.pairwise(bounds)
        ]
        assert np.concatenate(parts).tobytes() == whole.tobytes()


@every_float
@pytest.mark.parametrize("write", [fill.fill_uniform, fill.fill_normal])
@pytest.mark.parametrize("emitter", ["llvm", "numpy"])
def test_threads_change_nothing(write: Any, dtype: Any, emitter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXCORE_KERNEL", emitter)
    arrays = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(fill, "threads_of", lambda emitter, count=threads: count)
        array = np.empty((7, 100_003), dtype)
        write(array, KEY, offset=11)
        arrays.append(array.tobytes())
    assert arrays[0] == arrays[1] == arrays[2]


def test_llvmlite_is_used_only_where_it_may_be(run_python: Any) -> None:
    program = "import sys, numpy as np; from mxcore.random.fill import fill_normal; "
    program += "fill_normal(np.empty(9), 1); print('llvmlite' in sys.modules)"
    assert run_python(program, MXCORE_KERNEL="numpy").strip() == "False"


def test_the_machine_code_works_on_vectors_and_never_fuses() -> None:
    llvm = pytest.importorskip("llvmlite.binding")
    if "avx2" not in llvm.get_host_cpu_features() or not llvm.get_host_cpu_features()["avx2"]:
        pytest.skip("the names of registers below are those of AVX2 and after it")
    for distribution in DISTRIBUTIONS.values():
        processor = machine._machine()
        assembly = processor.emit_assembly(machine._module(philox_llvm.module(distribution), processor, True))
        assert "vpmuludq" in assembly
        assert "ymm" in assembly or "zmm" in assembly  # those of AVX-512
        assert "vfm" not in assembly
        assert "vfnm" not in assembly


# --- the values ------------------------------------------------------------------------------------------------------


@every_float
def test_uniform_elements_are_uniform(dtype: Any) -> None:
    array = np.empty(1_000_000, dtype)
    fill.fill_uniform(array, KEY)
    assert array.min() >= 0
    assert array.max() < 1
    assert stats.kstest(array, "uniform").pvalue > 0.01
    assert abs(array.mean(dtype=np.float64) - 0.5) < 5 / (12 * array.size) ** 0.5


@every_float
def test_normal_elements_are_normal_out_to_the_tails(dtype: Any) -> None:
    array = np.empty(4_000_000, dtype)
    fill.fill_normal(array, KEY)
    assert stats.kstest(array, "norm").pvalue > 0.01
    moments = [(array.astype(np.float64) ** power).mean() for power in (1, 2, 3, 4)]
    errors = np.sqrt(np.array([1, 2, 15, 96]) / array.size)
    assert (abs(np.array(moments) - [0, 1, 0, 3]) < 5 * errors).all()
    for bound in (3, 4, 4.5):
        expected = 2 * stats.norm.sf(bound) * array.size
        assert abs((abs(array) > bound).sum() - expected) < 5 * expected**0.5


@every_float
def test_neighbours_are_independent(dtype: Any) -> None:
    array = np.empty(1_000_000, dtype)
    fill.fill_normal(array, KEY)
    for lag in (1, 4, 8, 16, 24, 32):
        for power in (1, 2):
            ahead, behind = array[lag:] ** power, array[:-lag] ** power
            assert abs(np.corrcoef(ahead, behind)[0, 1]) < 5 / array.size**0.5


@pytest.mark.parametrize(("name", "bound"), [("normal_f32", 6.67), ("normal_f64", 8.66)])
@pytest.mark.parametrize(("bits", "least"), [(0, 0.998), (0xFFFFFFFF, 0)])
def test_words_of_all_zeros_and_of_all_ones_are_as_good_as_others(
    name: str, bound: float, bits: int, least: float
) -> None:
    normal = DISTRIBUTIONS[name]

    def elements(words: Any, loc: Any, scale: Any) -> Any:
        return normal.elements([(word & 0) ^ bits for word in words], loc, scale)

    edge = Distribution("mx_edge", normal.type, normal.parameters, elements)
    out = np.empty(8, DTYPES[normal.type])
    philox_numpy.fill(edge, out, 0, 0, (0.0, 1.0))
    assert np.isfinite(out).all()
    assert least * bound <= abs(out).max() <= bound


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="needs a type more exact than float64")
@pytest.mark.parametrize("name", ["normal_f32", "normal_f64"])
def test_the_transform_is_exact_to_five_units_in_the_last_place(name: str) -> None:
    normal, blocks = DISTRIBUTIONS[name], 2**17
    words = written(philox_numpy, DISTRIBUTIONS["words"], KEY, 0, 4 * blocks).reshape(-1, 4, 8)
    found = np.empty(normal.per_block * blocks, DTYPES[normal.type])
    philox_numpy.fill(normal, found, 0, KEY, (0.0, 1.0))
    exact = (box_muller_32 if normal.type == "f32" else box_muller_64)(words.transpose(1, 0, 2).astype(np.longdouble))
    exact = np.stack(exact, 1).ravel()
    errors = abs(found - exact) / np.spacing(abs(exact).astype(found.dtype))
    assert errors.max() < 5
    assert errors.mean() < 0.6


def box_muller_32(words: Any) -> list[Any]:
    return [
        element
        for radius, angle in (words[:2], words[2:])
        for element in box_muller((radius // 2 + 0.5) / 2**31, angle)
    ]


def box_muller_64(words: Any) -> list[Any]:
    high, rest, angle, more = words
    return box_muller((high // 2**5 * 2**26 + rest // 2**6 + np.longdouble(0.5)) / 2**53, angle + more // 2 / 2**31)


def box_muller(u: Any, angle: Any) -> list[Any]:
    """Return the two elements for an angle of 0 to 2³²: two bits of reflection and, signed, -π/4 to π/4."""
    pi = np.longdouble("3.14159265358979323846264338327950288")
    mirror, swap, turn = angle >= 2**31, angle % 2**31 >= 2**30, angle % 2**30 / 2**30
    x = np.where(turn < 0.5, turn, turn - 1) * pi / 2
    r, cos, sin = np.sqrt(-2 * np.log(u)), np.where(mirror, -np.cos(x), np.cos(x)), np.sin(x)
    return [r * np.where(swap, sin, cos), r * np.where(swap, cos, sin)]


@every_float
@given(low=st.floats(-(2.0**99), 2.0**99, width=32), width=st.floats(0, 2.0**99, width=32), key=keys)
def test_no_element_reaches_the_upper_bound(dtype: Any, low: float, width: float, key: int) -> None:
    array, high = np.empty(64, dtype), float(dtype(low + width))
    fill.fill_uniform(array, key, low, high)
    assert (array >= low).all()
    assert (array < high).all() or low == high


# --- what is refused -------------------------------------------------------------------------------------------------


def test_bounds_are_in_order_and_deviations_not_negative() -> None:
    array = np.empty(3, np.float32)
    with pytest.raises(ValueError, match="must be in order and finite in float32, got 1 and 0"):
        fill.fill_uniform(array, 1, 1, 0)
    with pytest.raises(ValueError, match="must be in order and finite in float32"):
        fill.fill_uniform(array, 1, 0, 1e300)
    with pytest.raises(ValueError, match="scale must be at least 0, got -1"):
        fill.fill_normal(array, 1, 0, -1)


def test_arrays_that_cannot_be_filled_in_one_pass_are_refused() -> None:
    for array in (np.empty((4, 4))[:, 1], np.empty((3, 2), order="F"), np.broadcast_to(np.empty(1), 3)):
        with pytest.raises(ValueError, match="C-contiguous, aligned and writable"):
            fill.fill_normal(array, 1)
    with pytest.raises(TypeError, match="expected a float32 or float64 array, got float16"):
        fill.fill_normal(np.empty(3, np.float16), 1)
    with pytest.raises(TypeError, match="expected a uint32 array"):
        fill.fill_words(np.empty(3), 1)
    for key, offset in ((-1, 0), (2**128, 0), (1, -1), (1, 2**63)):
        with pytest.raises(ValueError, match="key must be in"):
            fill.fill_normal(np.empty(3), key, offset=offset)
