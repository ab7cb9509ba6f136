"""How every initializer treats names, arrays and random numbers."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
from typing import Any

import numpy as np

import mxcore as mx
from mxcore.initializer import InitDesc, Initializer
from mxcore.testing.check import Array, Broken, NotRun, check, expect, same
from mxcore.testing.subject import Subject

SHAPES = [(), (0,), (12,), (4, 3), (0, 3), (2, 2, 3, 4)]


def values(
    initializer: Initializer, shape: tuple[int, ...], name: str = "fc_weight", dtype: Any = "float32", seed: int = 1
) -> Array:
    """Return the initial values of a new parameter."""
    mx.random.seed(seed)
    array = np.full(shape, 7, dtype)
    initializer(InitDesc(name), array)
    return array


def shapes(initializer: Initializer) -> list[tuple[int, ...]]:
    """Return the shapes that an initializer accepts; it must refuse the others with an error."""
    taken = []
    for shape in SHAPES:
        try:
            values(initializer, shape)
        except ValueError as error:
            expect("'fc_weight'" in str(error), f"shape {shape} is refused without naming the parameter: {error}")
        else:
            taken.append(shape)
    expect(any(map(np.prod, taken)), f"of the shapes {SHAPES} none with elements is accepted")
    return taken


@check("initializer")
def arrays_are_filled_in_place(subject: Subject) -> None:
    """Arrays of any layout, in float16, float32 and float64, are filled in place with finite values.

    Values are rounded once: those in float16 are the rounded ones in float32 or float64.
    """
    initializer = subject.make()
    for shape in shapes(initializer):
        expected = values(initializer, shape)
        every_other: Any = (*[slice(None, None, 2)] * len(shape), ...)
        scattered = np.full([2 * size for size in shape], 7, np.float32)[every_other]
        layouts = {
            "in another layout": np.full(shape, 7, np.float32, order="F"),
            "in every other place": scattered,
            "over other values": np.full(shape, 5, np.float32),  # elements that are not filled remain
        }
        for where, array in layouts.items():
            initializer(InitDesc("fc_weight"), array)
            same([array], [expected], f"{where}, shape {shape}")
        half, double = (values(initializer, shape, dtype=dtype) for dtype in ("float16", "float64"))
        expect(np.isfinite(double).all(), f"shape {shape} gets {double}")
        rounded = (expected.astype(np.float16).tobytes(), double.astype(np.float16).tobytes())
        expect(half.tobytes() in rounded, f"float16 gets {half}, float32 {expected}")


@check("initializer")
def values_depend_on_seed_and_name_alone(subject: Subject) -> None:
    """The values of a parameter depend only on the seed and its name, not on the order or on other parameters.

    Adding a layer at the front must not change all other layers.
    """
    shape = shapes(subject.make())[-1]
    mx.random.seed(1)
    first, second, again = ({name: np.empty(shape) for name in ("a_weight", "b_weight")} for _ in range(3))
    for arrays, names in ((first, ("a_weight", "b_weight")), (second, ("b_weight", "a_weight")), (again, ["b_weight"])):
        initializer = subject.make()
        mx.random.uniform(shape=3)
        for name in names:
            initializer(InitDesc(name), arrays[name])
    same(second.values(), first.values(), "in another order, parameters")
    same([again["b_weight"]], [first["b_weight"]], "alone, a parameter")


@check("initializer")
def the_seed_and_the_name_decide(subject: Subject) -> None:
    """Random values change with the seed and the name, and are independent of NumPy's generators.

    Two layers that start with equal weights stay equal.
    """
    initializer, generator = subject.make(), mx.random.generator
    made: list[mx.random.Generator] = []

    def watched(*key: object, **keywords: Any) -> mx.random.Generator:
        made.append(generator(*key, **keywords))
        return made[-1]

    shape = shapes(initializer)[-1]
    before = repr(np.random.get_state())  # noqa: NPY002 - the generator that must not be used
    mx.random.generator = watched
    try:
        here = values(initializer, shape)
    finally:
        mx.random.generator = generator
    random = any(rng.position for rng in made)
    expect(repr(np.random.get_state()) == before, "NumPy's global generator was used")  # noqa: NPY002
    for what, other in (
        ("another seed", values(initializer, shape, seed=2)),
        ("another name", values(initializer, shape, name="other_weight")),
    ):
        changed = not np.array_equal(here, other)
        expect(changed == random, f"{what} gives {'other' if changed else 'the same'} values: {here.ravel()[:3]}")
    same([values(initializer, shape)], [here], "with the same seed and name, values")


@check("initializer")
def moments_are_as_stated(subject: Subject) -> None:
    """Mean and standard deviation are those that ``moments(shape)`` returns.

    With a wrong factor of two in a fan, a network does not learn, and nothing else shows why.
    """
    shape = (96, 64)
    initializer = subject.make()
    if (stated := initializer.moments(shape)) is None:
        return
    drawn = values(initializer, shape, dtype="float64")
    mean, deviation = stated
    error = 4 * deviation / drawn.size**0.5  # of the mean; one false alarm in 16,000, and the seed is fixed
    expect(abs(drawn.mean() - mean) <= error, f"the mean is {drawn.mean():.5f}, not {mean:.5f}")
    expect(abs(drawn.std() - deviation) <= 2 * error, f"the deviation is {drawn.std():.5f}, not {deviation:.5f}")


@check("initializer")
def names_decide(subject: Subject) -> None:
    """A bias is set to 0, a gamma to 1 and a beta to 0.

    One initializer is used for a whole model.
    """
    for suffix, value in (("bias", 0.0), ("gamma", 1.0), ("beta", 0.0)):
        for name in (f"fc_{suffix}", InitDesc(f"fc_{suffix}")):
            array = np.full((2, 3), 7.0)
            subject.make()(name, array)
            same([array], [np.full((2, 3), value)], f"as the values of {str(name)!r}")


@check("initializer")
def initializer_dumps_round_trips(subject: Subject) -> None:
    """``create`` makes an equal initializer from ``dumps()``, even as a parameter's own; so does pickle.

    Models store their initializers as strings.
    """
    initializer = subject.make()
    shape = shapes(initializer)[-1]
    wanted = values(initializer, shape)
    ways: dict[str, Any] = {"create(dumps())": mx.init.create(initializer.dumps())}
    if subject.importable:
        ways["pickle"] = pickle.loads(pickle.dumps(initializer))
    for how, again in ways.items():
        expect(again == initializer and repr(again) == repr(initializer), f"{how} gives {again!r}, not {initializer!r}")
        expect(again.dumps() == initializer.dumps(), f"{how} dumps {again.dumps()}, not {initializer.dumps()}")
        same([values(again, shape)], [wanted], f"after {how}, values")
    mx.random.seed(1)
    array = np.empty(shape, np.float32)
    mx.init.Initializer()(InitDesc("fc_weight", {"__init__": initializer.dumps()}), array)
    same([array], [wanted], "as the parameter's own, values")


@check("initializer")
def hooks_are_called_once(subject: Subject) -> None:
    """The hook ``mxcore_initialized`` is called once for each parameter.

    Code that counts parameters should not count the pieces of a parameter.
    """
    told: list[tuple[Initializer, str]] = []

    class Watch:
        @mx.hooks.hookimpl
        def mxcore_initialized(self, initializer: Initializer, desc: str) -> None:
            told.append((initializer, desc))

    initializer, watch = subject.make(), Watch()
    shape = shapes(initializer)[-1]
    mx.hooks.register(watch)
    try:
        values(initializer, shape)
    finally:
        mx.hooks.unregister(watch)
    expect(told == [(initializer, "fc_weight")], f"for one parameter, the hook was called with {told}")


def digest(initializer: Initializer) -> str:
    """Return a digest of what an initializer draws."""
    drawn = [values(initializer, shape).tobytes() for shape in shapes(initializer)]
    return hashlib.sha256(b"|".join(drawn)).hexdigest()


_DIGEST = """
import ast, importlib, sys
from mxcore.testing.checks.initializers import digest
module, name, settings = sys.argv[1:]
print(digest(getattr(importlib.import_module(module), name)(**ast.literal_eval(settings))))
"""


@check("initializer")
def processes_agree(subject: Subject) -> None:
    """Another process draws the same bits.

    Python's hash of a string differs between processes.
    """
    cls = subject.cls
    if subject.settings != cls.examples[0]:
        return  # a process takes time
    if not subject.importable or subject.text is None:
        raise NotRun(f"another process cannot create {subject}")
    arguments = [cls.__module__, cls.__name__, subject.text]
    done = subprocess.run(
        [sys.executable, "-c", _DIGEST, *arguments], capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        raise Broken(f"the other process says: {done.stderr.strip()[-300:]}")
    expect(done.stdout.strip() == digest(subject.make()), "the other process draws different bits")
