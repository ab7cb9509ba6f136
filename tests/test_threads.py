"""First use from many threads, one updater in several threads, and forks while other threads are running."""

import os
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mxcore as mx
from mxcore.native.emitters import available

Run = Callable[..., str]

TOGETHER = """
import os, sys, threading

def together(*functions):
    "What functions return that threads of their own begin at the same time."
    barrier, returned = threading.Barrier(len(functions)), [None] * len(functions)
    def run(place, function):
        barrier.wait()
        try:
            returned[place] = function()
        except BaseException as error:
            returned[place] = error
    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(functions)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return returned

sys.setswitchinterval(1e-6)
"""

COLD = """
def first(name):
    def use():
        import numpy as np, mxcore as mx
        weights, grads = [np.ones(5), np.ones((2, 3), np.float32)], [np.full(5, 0.5), np.ones((2, 3), np.float32)]
        update = mx.optimizer.get_updater(mx.optimizer.create(name, learning_rate=0.5))
        for _ in range(3):
            update(["a_weight", "b_bias"], grads, weights)
        mx.init.create("xavier")(mx.init.InitDesc("c_weight"), drawn := np.zeros((3, 3)))
        assert abs(drawn).sum() > 0
        assert mx.lr_scheduler.create("factor", step=1, base_lr=1.0)(1) == 1.0
        assert mx.kernel.in_use() and mx.state and mx.Slot and mx.mod.Module and mx.norm
        assert mx.optimizer.registry.name_of(mx.optimizer.Adam) == "adam"
        return update, [array.tolist() for array in weights]
    return use

names = ["sgd", "adam", "nag", "rmsprop"] * 2
answers = together(*[first(name) for name in names])
wrong = [answer for answer in answers if isinstance(answer, BaseException)]
if wrong:
    raise wrong[0]
assert all(answers[place][1] == answers[place + 4][1] for place in range(4)), answers
import mxcore as mx
class Watch:
    seen = 0
    @mx.hooks.hookimpl
    def mxcore_after_step(self):
        self.seen += 1
mx.hooks.register(watch := Watch())
import numpy as np
for update, _ in answers:
    update("d", np.ones(2), np.ones(2))
assert watch.seen == len(names), watch.seen
print("ok")
"""


def test_a_cold_start_of_eight_threads_works(run_python: Run) -> None:
    for _ in range(2):
        assert run_python(TOGETHER + COLD) == "ok\n"


@pytest.mark.nightly
def test_two_hundred_cold_starts_of_eight_threads_work(run_python: Run) -> None:
    for _ in range(200):
        assert run_python(TOGETHER + COLD) == "ok\n"


def test_what_there_is_once_is_made_once(tmp_path: Path, run_python: Run) -> None:
    info = tmp_path / "slow_start-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: slow-start\nVersion: 1.0\n", encoding="utf-8")
    points = "[mxcore.hooks]\nwatch = slow_start:Watch\n[mxcore.backends]\nslow_start = slow_start:Backend\n"
    (info / "entry_points.txt").write_text(points, encoding="utf-8")
    (tmp_path / "slow_start.py").write_text(
        """
import time
import mxcore as mx
made = []
class Slow:
    def __init__(self):
        time.sleep(0.05)
        made.append(type(self).__name__)
class Watch(Slow):
    @mx.hooks.hookimpl
    def mxcore_after_step(self): ...
class Backend(Slow):
    xp = None
""",
        encoding="utf-8",
    )
    program = """
import mxcore as mx
from mxcore.native.driver import driver
def one_of_each():
    return mx.hooks.manager(), *map(mx.backend.get_backend, ("slow_start", "numpy")), driver()
found = together(*[one_of_each] * 8)
import slow_start
print(*sorted(slow_start.made), *[len(set(map(id, ones))) for ones in zip(*found)])
"""
    assert run_python(TOGETHER + program, PYTHONPATH=str(tmp_path)) == "Backend Watch 1 1 1 1\n"


def test_a_hook_plugin_may_register_another_one_when_it_is_imported(tmp_path: Path, run_python: Run) -> None:
    info = tmp_path / "two_hooks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: two-hooks\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[mxcore.hooks]\ntwo = two_hooks:Watch\n", encoding="utf-8")
    (tmp_path / "two_hooks.py").write_text(
        """
import mxcore as mx
class Watch:
    @mx.hooks.hookimpl
    def mxcore_after_step(self):
        print(type(self).__name__)
class Other(Watch): ...
mx.hooks.register(Other())
""",
        encoding="utf-8",
    )
    program = """
import numpy as np, mxcore as mx
mx.optimizer.get_updater(mx.optimizer.create("sgd"))("w", np.ones(2), np.ones(2))
"""
    assert sorted(run_python(program, PYTHONPATH=str(tmp_path)).split()) == ["Other", "Watch"]


# --- one updater in several threads --------------------------------------------------------------------------------


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads that switch as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


class Plain(mx.optimizer.Optimizer):
    """Array code that reads a count that it has recorded itself."""

    def create_state(self, index: Any, weight: Any) -> Any:
        return np.zeros_like(weight)

    def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
        self._update_count(index)
        state[...] = 0.5 * state + grad
        weight -= self._get_lr(index) / self._index_update_count[index] * state


STEPS = 100


def trained(name: str, bound: bool, threads: int) -> list[bytes]:
    """Return the bits of two weights after 4 * STEPS updates in total, by this many threads."""
    optimizer = Plain(learning_rate=0.1) if name == "plain" else mx.optimizer.create(name, learning_rate=0.1)
    updater = mx.optimizer.get_updater(optimizer)
    weights, grads = [np.ones(7), np.ones((2, 3), np.float32)], [np.full(7, 0.5), np.full((2, 3), 0.25, np.float32)]
    call = updater.bind(weights, grads, ["a", "b"]) if bound else lambda: updater(["a", "b"], grads, weights)
    failed: list[BaseException] = []

    def run() -> None:
        try:
            for _ in range(4 * STEPS // threads):
                call()
        except BaseException as error:
            failed.append(error)

    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert not failed
    assert dict(optimizer._index_update_count) == {"a": 4 * STEPS, "b": 4 * STEPS}
    return [weight.tobytes() for weight in weights]


@pytest.mark.parametrize("emitter", available())
@pytest.mark.parametrize("bound", [False, True])
@pytest.mark.parametrize("name", ["adam", "nadam", "plain"])
@pytest.mark.usefixtures("hasty")
def test_several_threads_may_call_one_updater(name: str, bound: bool, emitter: str) -> None:
    mx.kernel.use(emitter)
    try:
        assert trained(name, bound, threads=4) == trained(name, bound, threads=1)
    finally:
        mx.kernel.use(None)


def test_a_hook_may_call_the_updater_whose_step_it_precedes() -> None:
    updater = mx.optimizer.get_updater(mx.optimizer.create("sgd", learning_rate=1.0))
    other = np.zeros(2)

    class Again:
        @mx.hooks.hookimpl
        def mxcore_before_step(self, indices: Any) -> None:
            if indices == ["w"]:
                updater("other", np.ones(2), other)

    mx.hooks.register(again := Again())
    try:
        updater("w", np.ones(2), weight := np.zeros(2))
    finally:
        mx.hooks.unregister(again)
    assert (weight.tolist(), other.tolist()) == ([-1, -1], [-1, -1])


# --- fork ----------------------------------------------------------------------------------------------------------

FORKED = """
import signal, time
import numpy as np, mxcore as mx

def child(work):
    "The exit status of a forked process, which is killed if it hangs."
    pid = os.fork()
    if not pid:
        signal.alarm(30)
        work()
        os._exit(0)
    return os.waitpid(pid, 0)[1]

def step(updater=None, index="w"):
    updater = updater or mx.optimizer.get_updater(mx.optimizer.create("adam"))
    updater(index, np.ones(3), weight := np.ones(3))
    assert weight[0] < 1
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.skipif("llvm" not in available(), reason="nothing is compiled")
@pytest.mark.parametrize("first", ["from mxcore.native.compile import compile_ir", "step()"])
def test_a_fork_while_other_threads_compile_does_not_hang_the_child(first: str, run_python: Run) -> None:
    program = """
over = False
def compile():
    from mxcore.native.compile import compile_ir
    while not over:
        compile_ir("define void @nothing() { ret void }")
threads = [threading.Thread(target=compile) for _ in range(4)]
for thread in threads: thread.start()
statuses = [child(step) for _ in range(5)]
over = True
print(statuses)
"""
    program = TOGETHER + FORKED + first + program
    assert run_python(f"import warnings; warnings.simplefilter('ignore')\n{program}") == "[0, 0, 0, 0, 0]\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_of_a_fork_may_call_an_updater_that_was_at_work_in_another_thread(run_python: Run) -> None:
    program = """
at_work, go_on, parent = threading.Event(), threading.Event(), os.getpid()
class Slow(mx.optimizer.Optimizer):
    def create_state(self, index, weight): ...
    def update(self, index, weight, grad, state):
        if index == "slow":
            at_work.set()
            go_on.wait()
        weight -= grad
updater = mx.optimizer.get_updater(Slow())
thread = threading.Thread(target=step, args=(updater, "slow"))
thread.start()
at_work.wait()
status = child(lambda: step(updater, "quick"))
go_on.set()
thread.join()
print(status, *updater.states)
"""
    program = f"import warnings; warnings.simplefilter('ignore')\n{TOGETHER}{FORKED}{program}"
    assert run_python(program) == "0 slow\n"


# --- threads of another library --------------------------------------------------------------------------------------

LENT = """
import ctypes, os, threading
import numpy as np, mxcore as mx
from mxcore.native import pool

mx.kernel.use("llvm")
most, asked, numbers = 3, [], threading.local()

@ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
def run(function, argument, threads, flags):
    asked.append(threads)
    threads = min(threads, there)
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(function)
    def numbered(number):
        numbers.own, numbers.all = number, threads
        call(argument)
    others = [threading.Thread(target=numbered, args=(number,)) for number in range(1, threads)]
    for one in others: one.start()
    numbered(0)
    for one in others: one.join()

at_most, which, together_with = map(
    ctypes.CFUNCTYPE(ctypes.c_int), (lambda: most, lambda: numbers.own, lambda: numbers.all)
)
there = 8

def lend():
    pool.lend(*(ctypes.cast(one, ctypes.c_void_p).value for one in (run, at_most, which, together_with)))

def updated(sizes, steps=3, name="lamb"):
    "Bits of weights after some steps."
    mx.random.seed(1)
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=size).astype("f4") for size in sizes]
    update = mx.optimizer.get_updater(mx.optimizer.create(name, learning_rate=0.1))
    for _ in range(steps):
        update([*range(len(sizes))], [rng.normal(size=size).astype("f4") for size in sizes], weights)
    return b"".join(weight.tobytes() for weight in weights)
"""


@pytest.mark.skipif("llvm" not in available(), reason="the NumPy kernel runs on one thread")
def test_jobs_run_on_threads_that_are_lent(run_python: Run) -> None:
    script = """
    sizes = (40_000, 3, 30_000)
    mx.set_num_threads(1)
    alone = [updated(sizes, name=name) for name in ("adam", "lamb", "sgld")]
    lend()
    assert [updated(sizes, name=name) for name in ("adam", "lamb", "sgld")] == alone and not asked
    for count, wanted in ((2, 2), (3, 3), (8, 3)):  # no more than there are
        mx.set_num_threads(count)
        assert [updated(sizes, name=name) for name in ("adam", "lamb", "sgld")] == alone
        assert set(asked) == {wanted}, asked
        asked.clear()
    there = 2  # fewer than were asked for
    assert [updated(sizes, name=name) for name in ("adam", "lamb", "sgld")] == alone
    assert not [one for one in threading.enumerate() if one.name == "mxcore"]  # none of the pool
    asked.clear()
    updated((40_000,))  # too small to share
    assert not asked
    print("ok")
    """
    assert run_python(LENT + textwrap.dedent(script)) == "ok\n"


@pytest.mark.skipif("llvm" not in available(), reason="the NumPy kernel runs on one thread")
def test_updates_in_several_threads_at_once_do_not_share_what_is_lent(run_python: Run) -> None:
    script = """
    mx.set_num_threads(1)
    expected = updated((70_000,), 20)
    mx.set_num_threads(2)
    lend()
    assert set(together(*[lambda: updated((70_000,), 20)] * 4)) == {expected}
    print("ok")
    """
    assert run_python(TOGETHER + LENT + textwrap.dedent(script)) == "ok\n"


@pytest.mark.skipif("llvm" not in available() or not hasattr(os, "fork"), reason="needs forks, and threads")
def test_a_child_of_a_fork_uses_no_threads_that_were_lent(run_python: Run) -> None:
    script = """
    mx.set_num_threads(2)
    lend()
    expected = updated((250_000,))
    assert asked
    asked.clear()
    if (child := os.fork()) == 0:
        os._exit(0 if updated((250_000,)) == expected and not asked else 1)
    print("ok" if os.waitpid(child, 0)[1] == 0 else "failed")
    """
    assert run_python(LENT + textwrap.dedent(script)) == "ok\n"
