"""The state that an optimizer keeps between steps."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import mxcore as mx
from mxcore.lr_scheduler import LRScheduler
from mxcore.optimizer import Optimizer, Updater
from mxcore.testing.check import NotRun, check, expect, same
from mxcore.testing.steps import NAMES, gradients, leaves, run, start, update, values, weights
from mxcore.testing.subject import Subject


@check("optimizer")
def slots_are_named_and_used(subject: Subject) -> None:
    """Every array of the state is a slot with a unique name, and every slot changes within twelve updates.

    Files are read by name; a slot that never changes wastes memory, or is an average that is never stored.
    """
    updater = start(subject)
    slots = [slot.name for slot in updater.optimizer.state_slots() if not slot.on_host]
    created = [np.array(leaf) for leaf in leaves(updater.optimizer.create_state(0, weights()[0]))]
    expect(len(set(slots)) == len(slots) == len(created), f"the state has {len(created)} arrays for the slots {slots}")
    params, idle = weights(), set(slots)
    for step in range(1, 13):
        run(updater, range(step, step + 1), params)
        for name, before, after in zip(slots, created, leaves(updater.states[0]), strict=True):
            idle -= set() if np.array_equal(before, after) else {name}
    expect(not idle, f"in twelve updates, these slots did not change: {', '.join(sorted(idle))}")


@check("optimizer")
def resuming_is_exact(subject: Subject) -> None:
    """A run that is saved and resumed in a new updater has the same bits as one that was not interrupted.

    Information kept outside the state, or rounded in the file, makes long runs irreproducible.
    """
    through, first, resumed = (_scheduled(subject) for _ in range(3))
    wanted = run(through, range(1, 9))
    params = run(first, range(1, 5))
    resumed.set_states(first.get_states())
    run(resumed, range(5, 9), params)
    same(values(resumed, params), values(through, wanted), "after resuming, weights and states")


def _scheduled(subject: Subject) -> Updater[Optimizer]:
    """Return an updater whose learning rate falls, so that a lost count is noticed."""
    schedule = Falling(base_lr=0.05)
    return start(subject, learning_rate=None, lr_scheduler=schedule)


class Falling(LRScheduler):
    """Return the learning rate of a resumed run, which reveals a lost count."""

    def rate(self, t: Any) -> Any:  # noqa: D102
        return self.base_lr / (1 + t // 3)


@check("optimizer")
def resuming_finds_parameters_by_name(subject: Subject) -> None:
    """A saved run can be resumed with its parameters in another order, matched by name.

    The order of a model's parameters is an accident of its code.
    """
    first, through = start(subject), start(subject)
    wanted, params = run(through, range(1, 7)), run(first, range(1, 4))
    again = start(subject, param_idx2name={2 - index: name for index, name in NAMES.items()})
    again.set_states(first.get_states())
    for step in range(4, 7):
        update(again, gradients(step), params, [2 - index for index in NAMES])
    same(params, wanted, "with the parameters in another order, weights")


_GO_ON = """
import ast, importlib, sys
from mxcore.testing.checks.states import go_on
module, name, settings, file, first, last = sys.argv[1:]
go_on(getattr(importlib.import_module(module), name), ast.literal_eval(settings), file, range(int(first), int(last)))
"""


@check("optimizer")
def resuming_works_in_a_new_process(subject: Subject) -> None:
    """Another process can resume from the file of a process, with the same bits.

    Whatever a module keeps outside the state is lost with its process.
    """
    cls = subject.cls
    if subject.settings != cls.examples[0]:
        return  # a process takes time; the other settings resume within this one
    if not subject.importable or subject.text is None:
        raise NotRun(f"another process cannot create {subject}")
    with tempfile.TemporaryDirectory() as folder:
        here, there = Path(folder, "here"), Path(folder, "there")
        through = start(subject)
        wanted = run(through, range(1, 7))
        go_on(cls, subject.settings, str(there), range(1, 4), fresh=True)
        here.write_bytes(there.read_bytes())
        arguments = [cls.__module__, cls.__name__, subject.text, str(there), "4", "7"]
        done = subprocess.run(
            [sys.executable, "-c", _GO_ON, *arguments], capture_output=True, encoding="utf-8", check=False
        )
        expect(done.returncode == 0, f"the other process says: {done.stderr.strip()[-300:]}")
        expect(here.read_bytes() != there.read_bytes(), "the other process wrote nothing")
        params, again = weights(), start(subject)
        mx.load_state(there, again, dict(zip(NAMES.values(), params, strict=True)))
        same(values(again, params), values(through, wanted), "from another process, weights and states")


def go_on(cls: type[Optimizer], settings: Mapping[str, Any], file: str, steps: range, *, fresh: bool = False) -> None:
    """Load a file, take some steps, and save to the same file, in this process."""
    params, updater = weights(), start(Subject(cls, settings))
    named = dict(zip(NAMES.values(), params, strict=True))
    if not fresh:
        mx.load_state(file, updater, named)
    run(updater, steps, params)
    mx.save_state(file, updater, named)


@check("optimizer")
def loaded_states_share_no_memory(subject: Subject) -> None:
    """Two updaters that load the same state share no memory, with each other or with its source.

    Otherwise, a step of one is a step of the other.
    """
    first = start(subject)
    run(first, range(1, 3))
    text, others = first.get_states(), [start(subject), start(subject)]
    for other in others:
        other.set_states(text)
    mine = [leaf for index in NAMES for leaf in leaves(first.states[index])]
    for one, updater in ((0, others[0]), (1, others[1])):
        theirs = [leaf for index in NAMES for leaf in leaves(updater.states[index])]
        expect(
            not any(np.shares_memory(a, b) for a in mine for b in theirs),
            f"updater {one} shares memory with another one that holds the same state",
        )
        mine += theirs


@check("optimizer")
def instances_share_nothing(subject: Subject) -> None:
    """Two instances used in turns do what each would do alone.

    A shared mutable default, or state in the class, would couple them.
    """
    alone = run(start(subject), range(1, 4))
    one, other, mine, theirs = start(subject), start(subject), weights(), weights()
    for step in range(1, 4):
        run(one, range(step, step + 1), mine)
        run(other, range(10 * step, 10 * step + 2), theirs)
    same(mine, alone, "beside another instance, weights")
