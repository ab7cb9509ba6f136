"""What holds for every installed initializer, whichever they are: each gives the examples that it is tried with."""

import hashlib
import json
import pickle
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import mxcore as mx
from mxcore.initializer import InitDesc, Initializer

RECORDS = mx.catalogue.records("initializer")
CLASSES = {record.target: mx.catalogue.load_record(record) for record in RECORDS}
EXAMPLES = {
    f"{cls.__name__}-{number}": (cls, example)
    for cls in CLASSES.values()
    for number, example in enumerate(cls.examples)
}
SHAPES = [(), (0,), (12,), (4, 3), (0, 3), (2, 2, 3, 4)]

every_example = pytest.mark.parametrize(("cls", "example"), EXAMPLES.values(), ids=EXAMPLES)


def values(
    initializer: Initializer, shape: tuple[int, ...], name: str = "fc_weight", dtype: Any = np.float32, seed: int = 1
) -> np.ndarray[Any, Any]:
    mx.random.seed(seed)
    array = np.full(shape, 7, dtype)
    initializer(InitDesc(name), array)
    return array


def shapes(initializer: Initializer) -> list[tuple[int, ...]]:
    """The shapes that an initializer takes; it has to say of the others that it does not."""
    refused: dict[tuple[int, ...], str] = {}
    for shape in SHAPES:
        try:
            values(initializer, shape)
        except ValueError as error:
            refused[shape] = str(error)
    assert all("'fc_weight'" in message for message in refused.values())
    taken = [shape for shape in SHAPES if shape not in refused]
    assert any(map(np.prod, taken)), "the class takes none of the shapes of this suite"
    return taken


def digests() -> dict[str, str]:
    """What every example draws, in short."""
    found = {}
    for label, (cls, example) in EXAMPLES.items():
        drawn = [values(cls(**example), shape).tobytes() for shape in shapes(cls(**example))]
        found[label] = hashlib.sha256(b"|".join(drawn)).hexdigest()
    return found


def test_some_initializers_are_installed() -> None:
    assert len(CLASSES) >= 13


def test_a_fresh_process_draws_the_same_bits() -> None:
    answer = subprocess.run([sys.executable, __file__], capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout) == digests()


@every_example
def test_the_order_of_the_parameters_changes_nothing(cls: type[Initializer], example: Mapping[str, Any]) -> None:
    shape = shapes(cls(**example))[-1]
    mx.random.seed(1)
    first, second, again = ({name: np.empty(shape) for name in ("a_weight", "b_weight")} for _ in range(3))
    for arrays, names in ((first, ("a_weight", "b_weight")), (second, ("b_weight", "a_weight")), (again, ["b_weight"])):
        initializer = cls(**example)
        mx.random.uniform(shape=3)
        for name in names:
            initializer(InitDesc(name), arrays[name])
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)
    assert again["b_weight"].tobytes() == first["b_weight"].tobytes()


@every_example
def test_the_memory_order_changes_nothing(cls: type[Initializer], example: Mapping[str, Any]) -> None:
    initializer = cls(**example)
    for shape in shapes(initializer):
        expected = values(initializer, shape)
        every_other = (slice(None, None, 2),) * len(shape)
        scattered = np.full([2 * size for size in shape], 7, np.float32)[(*every_other, ...)]
        for array in (np.full(shape, 7, np.float32, order="F"), scattered):
            initializer(InitDesc("fc_weight"), array)
            assert np.array_equal(array, expected)


@every_example
def test_dtypes_are_kept_and_values_rounded_once(cls: type[Initializer], example: Mapping[str, Any]) -> None:
    initializer = cls(**example)
    for shape in shapes(initializer):
        single, double = (values(initializer, shape, dtype=dtype) for dtype in (np.float32, np.float64))
        half = values(initializer, shape, dtype=np.float16)
        assert (single.dtype, double.dtype, half.dtype) == (np.float32, np.float64, np.float16)
        # What is drawn is drawn in float32 for float16; what is computed may be computed in float64.
        assert half.tobytes() in (single.astype(np.float16).tobytes(), double.astype(np.float16).tobytes())


@every_example
def test_what_is_drawn_depends_on_the_seed_and_on_the_name(
    cls: type[Initializer], example: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    initializer, generator = cls(**example), mx.random.generator
    made: list[mx.random.Generator] = []

    def watched(*key: object, **keywords: Any) -> mx.random.Generator:
        made.append(generator(*key, **keywords))
        return made[-1]

    monkeypatch.setattr(mx.random, "generator", watched)
    shape = shapes(initializer)[-1]
    made.clear()
    here = values(initializer, shape)
    is_random = any(rng.position for rng in made)
    assert np.array_equal(here, values(initializer, shape, seed=2)) is not is_random
    assert np.array_equal(here, values(initializer, shape, name="other_weight")) is not is_random


@every_example
def test_a_bias_is_0_a_gamma_1_and_a_beta_0(cls: type[Initializer], example: Mapping[str, Any]) -> None:
    for suffix, value in (("bias", 0), ("gamma", 1), ("beta", 0)):
        for name in (f"fc_{suffix}", InitDesc(f"fc_{suffix}")):
            array = np.full((2, 3), 7.0)
            cls(**example)(name, array)
            assert (array == value).all()


@every_example
def test_text_and_pickles_make_an_equal_initializer(cls: type[Initializer], example: Mapping[str, Any]) -> None:
    initializer = cls(**example)
    shape = shapes(initializer)[-1]
    for again in (mx.init.create(initializer.dumps()), pickle.loads(pickle.dumps(initializer))):
        assert again == initializer
        assert repr(again) == repr(initializer)
        assert again.dumps() == initializer.dumps()
        assert values(again, shape).tobytes() == values(initializer, shape).tobytes()


@every_example
def test_the_text_a_parameter_carries_is_as_good_as_the_instance(
    cls: type[Initializer], example: Mapping[str, Any]
) -> None:
    initializer = cls(**example)
    shape = shapes(initializer)[-1]
    expected, array = values(initializer, shape), np.empty(shape, np.float32)
    mx.init.One()(InitDesc("fc_weight", {"__init__": initializer.dumps()}), array)
    assert array.tobytes() == expected.tobytes()


@every_example
def test_numpys_own_generators_are_left_alone(
    cls: type[Initializer], example: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*seed: object) -> None:
        raise AssertionError("a generator that does not depend on mx.random.seed")

    monkeypatch.setattr(np.random, "default_rng", refuse)
    before = repr(np.random.get_state())  # noqa: NPY002 - the generator that must not be used
    shapes(cls(**example))
    assert repr(np.random.get_state()) == before  # noqa: NPY002


@every_example
def test_hooks_are_told_once_of_a_parameter(cls: type[Initializer], example: Mapping[str, Any]) -> None:
    told: list[tuple[Initializer, str]] = []

    class Watch:
        @mx.hooks.hookimpl
        def mxcore_initialized(self, initializer: Initializer, desc: str) -> None:
            told.append((initializer, desc))

    initializer, watch = cls(**example), Watch()
    shape = shapes(initializer)[-1]
    mx.hooks.register(watch)
    try:
        values(initializer, shape)
    finally:
        mx.hooks.unregister(watch)
    assert told == [(initializer, "fc_weight")]


if __name__ == "__main__":
    print(json.dumps(digests()))  # noqa: T201 - for the process that compares
