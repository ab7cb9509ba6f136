"""Interrupt updates at random moments, and compare what they leave behind with an undisturbed twin.

This is a program of its own, because a step that goes wrong may crash its process:

* ``python interrupts.py updates llvm 43`` interrupts every 43rd case with the emitter ``llvm``;
* ``python interrupts.py lines llvm 6`` interrupts the first update of every sixth optimizer at each line of Python;
* ``python interrupts.py fills llvm 20`` interrupts 20 calls that fill an array with random numbers.

It prints one :class:`Outcome` per line, as JSON; it first names the case on stderr.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any, Protocol

import attrs
import ml_dtypes
import numpy as np
import pytest

import mxcore as mx
from mxcore.random.fill import fill_normal

Call = Callable[[], None]

OPTIMIZERS: dict[str, dict[str, float]] = {
    "adam": {},
    "lamb": {"lower_bound": 0.1},
    "nadam": {},  # keeps a host number for each parameter, beside its arrays
    "prodigy": {},  # keeps numbers for all parameters together
    "sgld": {},
    "sgd": {"momentum": 0.9},
}
MIXES: dict[str, list[Any]] = {
    "float32": ["f4"],
    "float64": ["f8"],
    "float16 and bfloat16": ["f2", ml_dtypes.bfloat16],
    "float16 with masters": ["f2"],
    "bfloat16 with masters": [ml_dtypes.bfloat16],
    "mixed with masters": ["f4", "f8", "f2", ml_dtypes.bfloat16],
    "strided": ["f4", "strided f4"],
}
SIZES = {"small": (7, 300, 1, 0), "chunks": (70_000, 1000), "large": (270_000, 1000)}
"""Lengths of arrays: within one chunk of 32 768 or 8192, over several, and above the 200 000 that use the pool."""
PLACES = {
    "llvm": [(1, "small"), *[(threads, "large") for threads in (1, 2, 8)]],
    "numpy": [(1, "small"), (1, "chunks")],
}
"""Number of threads and size, by emitter: the NumPy kernel and small updates always run on one thread."""
NAMES = ("first_weight", "second_bias", "third_gamma", "fourth_beta")
PATIENCE = 100
"""How many signals may miss the call before a case counts as not hit."""


@attrs.frozen
class Case:
    """What to interrupt, and how."""

    threads: int
    size: str
    optimizer: str
    mix: str
    signals: str
    way: str

    @property
    def masters(self) -> bool:
        return "masters" in self.mix

    @property
    def lengths(self) -> tuple[int, ...]:
        """Lengths of the arrays. Halves without masters never use the pool and are slow: they stay small."""
        return SIZES["small" if "float16" in self.mix and not self.masters else self.size]


@attrs.frozen
class Outcome:
    """How a case ended: whether a call was hit, after how many signals, and everything that was wrong afterwards."""

    case: Case | None
    hit: bool
    sent: int
    wrong: list[str]


# --- runs ------------------------------------------------------------------------------------------------------------


class Run:
    """An updater and its weights, and one of the ways to call it, step after step."""

    def __init__(self, case: Case) -> None:
        kinds = [(kind, length) for length in case.lengths for kind in MIXES[case.mix]]
        self.weights = [_array(kind, length, seed) for seed, (kind, length) in enumerate(kinds)]
        self.grads = [_array(kind, length, seed + 100) for seed, (kind, length) in enumerate(kinds)]
        self.indices = list(range(len(kinds)))
        self.optimizer = mx.optimizer.create(
            case.optimizer,
            learning_rate=0.01,
            wd=0.1,
            lr_scheduler=mx.lr_scheduler.create("factor", step=3, factor=0.9),
            multi_precision=case.masters,
            param_idx2name={index: f"{index}_{NAMES[index % len(NAMES)]}" for index in self.indices},
            **OPTIMIZERS[case.optimizer],
        )
        self.update = mx.optimizer.get_updater(self.optimizer)
        self.bound: Call | None = None
        self.ready, self.done, self.calling = WAYS[case.way], 0, False

    def step(self) -> None:
        """Take one step. After an exception, ``calling`` says whether it came out of the call."""
        call = self.ready(self)
        self.calling = True
        call()
        self.calling = False
        self.done += 1

    def everything(self) -> dict[str, Any]:
        """Return a copy of everything that a step changes, for comparison with :meth:`now`."""
        return {name: value.copy() if isinstance(value, Bits) else value for name, value in self.now().items()}

    def now(self) -> dict[str, Any]:
        """Return everything that a step changes; before the first update, that is the initial state and count 0."""
        optimizer, found = self.optimizer, dict[str, Any]()
        initial_numbers = {slot.name: slot.init for slot in optimizer.state_slots() if slot.on_host}
        for index, weight in enumerate(self.weights):
            arrays = [weight, *_flat(self._state(index, weight))]
            found |= {f"array {number} of {index}": Bits(array) for number, array in enumerate(arrays)}
            numbers = {**optimizer.host_numbers.get(index, {}), **optimizer.model_numbers}
            found[f"numbers of {index}"] = {**initial_numbers, **numbers}
            found[f"count of {index}"] = optimizer._index_update_count.get(index, 0)
        return {**found, "num_update": optimizer.num_update}

    def _state(self, index: int, weight: Any) -> Any:
        if index in self.update.states:
            return self.update.states[index]
        return self.optimizer.create_state_multi_precision(index, weight)


class Bits:
    """The bits of an array, where they are."""

    def __init__(self, array: Any) -> None:
        self.array = np.ascontiguousarray(array).reshape(-1).view("u1")

    def copy(self) -> Bits:
        return Bits(self.array.copy())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bits) and np.array_equal(self.array, other.array)

    __hash__ = None  # type: ignore[assignment]


class Fill:
    """Calls that fill a large array with random numbers, step after step."""

    def __init__(self) -> None:
        self.array, self.done, self.calling = np.zeros(1_000_000, "f4"), 0, False

    def step(self) -> None:
        self.done += 1
        self.calling = True
        fill_normal(self.array, key=self.done)
        self.calling = False


@functools.cache
def _values(length: int, seed: int) -> Any:
    return np.random.default_rng(seed).standard_normal(length)


def _array(kind: Any, length: int, seed: int) -> Any:
    values = _values(length, seed)
    if isinstance(kind, str) and kind.startswith("strided "):
        wide = np.zeros((length, 2), kind.removeprefix("strided "))
        wide[:, 0] = values
        return wide[:, 0]
    return values.astype(kind)


def _flat(state: Any) -> Iterator[Any]:
    if isinstance(state, tuple):
        for one in state:
            yield from _flat(one)
    elif state is not None:
        yield state


def _list(run: Run) -> Call:
    return lambda: run.update(run.indices, run.grads, run.weights)


def _single(run: Run) -> Call:
    at = run.done % len(run.weights)
    return lambda: run.update(at, run.grads[at], run.weights[at])


def _bound(run: Run) -> Call:
    if run.bound is None:
        run.bound = run.update.bind(run.weights, run.grads)
    return run.bound


def _new_gradients(run: Run) -> Call:
    grads = [grad * grad.dtype.type(1 + run.done % 3) for grad in run.grads]
    return lambda: run.update(run.indices, grads, run.weights)


def _new_numbers(run: Run) -> Call:
    run.optimizer.rescale_grad = (1.0, 0.5, 0.25)[run.done % 3]
    run.optimizer.clip_gradient = (2.0, 0.5)[run.done % 2]
    return _list(run)


def _new_views(run: Run) -> Call:
    weights = [weight[:] for weight in run.weights]
    return lambda: run.update(run.indices, run.grads, weights)


WAYS = {
    "list": _list,
    "single": _single,
    "bound": _bound,
    "new gradients": _new_gradients,
    "new numbers": _new_numbers,
    "new views": _new_views,
}


if not hasattr(signal, "setitimer"):
    pytest.skip("needs timers that send signals", allow_module_level=True)

# --- signals ---------------------------------------------------------------------------------------------------------

SENDER = """
import os, sys, time
for line in sys.stdin:
    for number, delay in zip(*[iter(line.split())] * 2):
        time.sleep(float(delay))
        os.kill(int(sys.argv[1]), int(number))
"""
"""A separate process: a thread would need the interpreter's lock, so it could never interrupt a bytecode at random."""
SIGNALS = ("SIGALRM", "SIGINT", "SIGALRM twice", "SIGINT and SIGTERM")
TWICE = SIGNALS[2:]


class Interrupted(Exception):
    """Raised by the handler; not a KeyboardInterrupt, so that an ``except Exception`` which swallows it is found."""


class Steps(Protocol):
    """What signals can strike."""

    calling: bool

    def step(self) -> None: ...


class Signals:
    """Sends signals at random moments. The handler raises once for each signal that is due, and otherwise never."""

    def __init__(self, rng: random.Random) -> None:
        self.rng, self.due, self.gap, self.hit, self.swallowed = rng, 0, 0.0, False, False
        self.run: Steps | None = None
        sys.unraisablehook = self._swallow
        for number in (signal.SIGALRM, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)
        command = [sys.executable, "-I", "-S", "-c", SENDER, str(os.getpid())]
        self.sender = subprocess.Popen(command, stdin=subprocess.PIPE)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self.due:
            return
        self.due -= 1
        self.hit |= self.run is not None and self.run.calling
        if self.due and number == signal.SIGALRM:
            signal.setitimer(signal.ITIMER_REAL, self.gap)
        raise Interrupted

    def _swallow(self, raised: sys.UnraisableHookArgs) -> None:
        """Record an exception that was raised in a finalizer and cannot leave it, because the garbage collector ran."""
        if raised.exc_type is not Interrupted:
            sys.__unraisablehook__(raised)
            return
        self.swallowed, self.hit = True, False

    def _send(self, kind: str, duration: float) -> None:
        delay, self.gap = self.rng.uniform(1e-6, 2 * duration), self.rng.uniform(1e-6, duration)
        self.due = count = 2 if kind in TWICE else 1
        if kind in ("SIGALRM", "SIGALRM twice"):
            signal.setitimer(signal.ITIMER_REAL, delay)
        else:
            line = f"{int(signal.SIGINT)} {delay} {int(signal.SIGTERM)} {self.gap}".split()[: 2 * count]
            assert self.sender.stdin is not None
            os.write(self.sender.stdin.fileno(), f"{' '.join(line)}\n".encode())

    def strike(self, run: Steps, kind: str, duration: float) -> list[str]:
        """Step until the signals have come; what was wrong with how they arrived. ``hit`` says if a call was hit."""
        self.run, self.hit, self.swallowed, caught = run, False, False, False
        run.calling = False
        try:
            try:
                self._send(kind, duration)
                self._step(run)
            except Interrupted:
                caught = True
                self._wait()
        except Interrupted:
            caught = True
        self.due = 0
        signal.setitimer(signal.ITIMER_REAL, 0)
        self.run = None
        return [] if caught or self.swallowed else ["lost: the handler's exception did not leave the call"]

    def _step(self, run: Steps) -> None:
        """Step until a signal has come. In a ``try``, Python 3.13 would not cover the jump at the end of this loop."""
        wanted = self.due
        while self.due == wanted:
            run.step()

    def _wait(self) -> None:
        """Give the second signal time to come, but don't count on it: the system may delay it."""
        until = time.perf_counter() + 0.02
        while self.due and time.perf_counter() < until:
            pass

    def close(self) -> None:
        self.sender.communicate()


class Lines:
    """Interrupts calls at chosen lines of Python code, as a handler would that Python runs there: NumPy's lines too."""

    def __init__(self) -> None:
        self.passed, self.at = 0, 0
        self.first: dict[tuple[CodeType, int], int] = {}
        """The number of each line, in the order of a call, when it first runs."""

    def strike(self, run: Run, at: int) -> list[str]:
        """Take a step that is interrupted at the line with this number, if there are so many; what was wrong."""
        call = run.ready(run)
        self.passed, self.at, before = 0, at, sys.gettrace()
        sys.settrace(self._trace)
        try:
            call()
        except Interrupted:
            return []
        finally:
            sys.settrace(before)
        run.done += 1
        return [] if self.passed < at else ["lost: the exception did not leave the call"]

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            self.passed += 1
            self.first.setdefault((frame.f_code, frame.f_lineno), self.passed)
            if self.passed == self.at:
                raise Interrupted
        return self._trace


# --- what must hold --------------------------------------------------------------------------------------------------


class Trial:
    """Interrupts of one case."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.steps = len(case.lengths) * len(MIXES[case.mix]) if case.way == "single" else 1
        self.twin = self._undisturbed()
        began = time.perf_counter()
        self.twin.step()
        self.twin.step()
        self.duration = (time.perf_counter() - began) / 2

    def _undisturbed(self) -> Run:
        """Return a run that has updated every parameter."""
        run = Run(self.case)
        for _ in range(self.steps):
            run.step()
        return run

    def outcome(self, signals: Signals) -> Outcome:
        """Interrupt until a call is hit; with several threads, then once more before the arrays are freed."""
        wrong, hit, sent = list[str](), False, 0
        subject = self._undisturbed() if signals.rng.random() < 0.8 else Run(self.case)
        while not hit and not wrong and sent < PATIENCE:
            sent += 1
            wrong += signals.strike(subject, self.case.signals, self.duration)
            hit = signals.hit
            wrong += self.left_behind(subject)
        del subject
        if self.case.threads > 1:
            wrong += self._written_after_freeing(signals)
        return Outcome(self.case, hit, sent, wrong)

    def left_behind(self, subject: Run) -> list[str]:
        """Return what is wrong after an interrupt, and with the step after it."""
        found = subject.everything()
        self._bring_level(subject.done)
        before = self.twin.everything()
        self.twin.step()
        after = self.twin.now()
        if found not in (before, after):
            return ["half: " + _parts(found, before, after)]
        subject.done += found == after
        time.sleep(0.001)
        if (later := subject.now()) != found:
            return ["late: " + _parts(later, found, {})]
        try:
            subject.step()
        except Exception as error:
            return [f"next: {error!r}"]
        self._bring_level(subject.done)
        if (then := subject.now()) != (wanted := self.twin.now()):
            return ["next: " + _parts(then, wanted, {})]
        return []

    def _bring_level(self, done: int) -> None:
        if done < self.twin.done:
            self.twin = Run(self.case)
        while self.twin.done < done:
            self.twin.step()

    def _written_after_freeing(self, signals: Signals) -> list[str]:
        """Return what is wrong with new arrays that take the place of those of an interrupted update."""
        subject = self._undisturbed()
        sizes = [array.size for array in subject.weights]
        wrong = signals.strike(subject, self.case.signals, self.duration)
        del subject
        gc.collect()
        litter = [np.full(size, 7.0, "f4") for size in sizes * 4]
        time.sleep(0.001)
        return wrong if all((array == 7).all() for array in litter) else [*wrong, "freed: memory was written to"]


def _parts(found: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> str:
    """Return which parts of a state are as before a step, which as after it, and which are neither."""
    kinds: dict[str, list[str]] = {"as before": [], "as after": [], "neither": []}
    for name, value in found.items():
        if before.get(name) != after.get(name):
            same = "as before" if value == before.get(name) else "as after" if value == after.get(name) else "neither"
            kinds[same].append(name)
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in kinds.items() if names)


def cases(emitter: str, every: int) -> Iterator[Case]:
    """Yield every ``every``-th case. A prime that divides no table's length goes through all values of each table."""
    whole = itertools.product(PLACES[emitter], OPTIMIZERS, MIXES, SIGNALS, WAYS)
    for place, optimizer, mix, signals, way in itertools.islice(whole, 0, None, every):
        if (optimizer, way) != ("prodigy", "single"):  # which lacks parameters, and is refused
            yield Case(*place, optimizer, mix, signals, way)


def updates(emitter: str, every: int, signals: Signals) -> Iterator[Outcome]:
    """Interrupt updates."""
    for case in cases(emitter, every):
        sys.stderr.write(f"{case}\n")
        mx.set_num_threads(case.threads)
        gc.collect()
        gc.freeze()  # makes the next collection quick, so that arrays are freed at once
        yield Trial(case).outcome(signals)


def lines(emitter: str, every: int, _: Signals) -> Iterator[Outcome]:
    """Interrupt the first update of every ``every``-th optimizer at each line of Python code that it runs."""
    for optimizer in itertools.islice(OPTIMIZERS, 0, None, every):
        case = Case(1, "small", optimizer, "mixed with masters", "none", "list")
        sys.stderr.write(f"{case}\n")
        tracer, trial = Lines(), Trial(case)
        tracer.strike(Run(case), sys.maxsize)
        for at in list(tracer.first.values()):
            subject = Run(case)
            wrong = tracer.strike(subject, at)
            hit = tracer.passed >= at
            yield Outcome(case, hit, 1, wrong + trial.left_behind(subject))


def fills(emitter: str, count: int, signals: Signals) -> Iterator[Outcome]:
    """Interrupt calls that fill an array; such an array may end up half filled, but must not change any more."""
    mx.set_num_threads(8)
    fill = Fill()
    fill.step()
    began = time.perf_counter()
    fill.step()
    duration = time.perf_counter() - began
    for kind in itertools.islice(itertools.cycle(SIGNALS), count):
        wrong = signals.strike(fill, kind, duration)
        found = fill.array.copy()
        time.sleep(0.002)
        late = [] if np.array_equal(fill.array, found) else [f"late, after {kind}"]
        yield Outcome(None, signals.hit, 1, wrong + late)


def main(what: str, emitter: str, number: str) -> None:
    """Interrupt updates, at signals or lines, or fills, and print the outcomes."""
    warnings.filterwarnings("ignore", message=".*without multi_precision=True")
    mx.kernel.use(emitter)
    mx.random.seed(1)
    with contextlib.closing(Signals(random.Random(emitter))) as signals:
        for outcome in {"updates": updates, "lines": lines, "fills": fills}[what](emitter, int(number), signals):
            sys.stdout.write(f"{json.dumps(attrs.asdict(outcome))}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
