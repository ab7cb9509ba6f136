"""An update that a signal handler ends is complete or did not happen, and nothing is written after the call."""

import json
import subprocess
import sys
from typing import Any

import interrupts
import pytest

SAMPLE = 43
"""A usual run interrupts every 43rd case, the nightly run all of them."""


def outcomes(what: str, emitter: str, number: int) -> list[dict[str, Any]]:
    """Return the outcomes of interrupts, in a process that must not crash, hang or warn."""
    command = [sys.executable, "-X", "faulthandler", "-W", "error", interrupts.__file__, what, emitter, str(number)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=1800)
    assert done.returncode == 0, f"exit status {done.returncode}, after:\n{done.stderr[-3000:]}"
    return [json.loads(line) for line in done.stdout.splitlines()]


def violations(found: list[dict[str, Any]]) -> str:
    """Say how many outcomes were wrong, and show the first ones."""
    wrong = [outcome for outcome in found if outcome["wrong"]]
    return "\n".join([f"{len(wrong)} of {len(found)}", *(f"{one['case']}: {one['wrong']}" for one in wrong[:10])])


@pytest.mark.parametrize("emitter", interrupts.PLACES)
def test_a_usual_run_has_every_optimizer_mix_signal_way_and_place(emitter: str) -> None:
    sample, whole = (list(interrupts.cases(emitter, every)) for every in (SAMPLE, 1))
    for name in ("optimizer", "mix", "signals", "way", "threads", "size"):
        assert {getattr(case, name) for case in sample} == {getattr(case, name) for case in whole}


@pytest.mark.parametrize("every", [SAMPLE, pytest.param(1, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("emitter", interrupts.PLACES)
def test_an_interrupted_update_is_whole_or_did_not_happen(emitter: str, every: int) -> None:
    found = outcomes("updates", emitter, every)
    assert not any(one["wrong"] for one in found), violations(found)
    assert len(found) == len(list(interrupts.cases(emitter, every)))
    assert sum(one["hit"] for one in found) > 0.9 * len(found), "signals came, but too few of them within the calls"


@pytest.mark.parametrize("every", [len(interrupts.OPTIMIZERS), pytest.param(1, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("emitter", interrupts.PLACES)
def test_an_update_interrupted_at_any_line_is_whole_or_did_not_happen(emitter: str, every: int) -> None:
    found = outcomes("lines", emitter, every)
    assert not any(one["wrong"] for one in found), violations(found)
    assert sum(one["hit"] for one in found) > 500


def test_an_interrupted_fill_writes_nothing_after_it_has_ended() -> None:
    found = outcomes("fills", "llvm", 20)
    assert not any(one["wrong"] for one in found), violations(found)
    assert sum(one["hit"] for one in found) >= 10, "signals came, but too few of them within the calls"
