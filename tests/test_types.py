"""mypy on a user's program: correct use passes, and a misspelt name is found before the program runs."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

PROGRAM = '''\
"""Fit a line; a class of one's own, and classes by name."""

import numpy as np
import mxcore as mx
from mxcore.optimizer import Index


@mx.optimizer.register
@mx.hyperparameters
class Heavy(mx.optimizer.Optimizer):
    """Gradient descent with a velocity."""

    default_learning_rate = 0.05
    momentum: float = mx.hyperparameter(0.9, mx.in_range(0, 1))
    damped: bool = mx.hyperparameter(False, kw_only=True)
    slots = ("velocity",)

    @staticmethod
    def rule(weight, grad, velocity, *, lr, momentum):
        velocity = momentum * velocity - lr * grad
        return weight + velocity, velocity


@mx.hyperparameters
class Heavier(Heavy):
    """The same, with a mass that must be given."""

    mass: float = mx.hyperparameter(mx.positive)


weight = np.zeros(2)
mx.initializer.Uniform(scale=0.1)("weight", weight)
schedule = mx.lr_scheduler.FactorScheduler(step=10, factor=0.5, base_lr=0.1)
adam = mx.optimizer.Adam(learning_rate=0.1, beta1=0.8, lr_scheduler=schedule, wd=0.01)
updater = mx.optimizer.get_updater(adam)
updater("weight", 2 * (weight - 1), weight)
updater(["weight"], [2 * (weight - 1)], [weight])
name: Index = "weight"
beta: float = updater.optimizer.beta1
momentum: float = Heavy(0.1, momentum=0.5, wd=0.01, damped=True).momentum
mass: float = Heavier(2.0, lr_scheduler=schedule).mass
by_name: mx.optimizer.SGD = mx.optimizer.create("sgd", learning_rate=0.1, momentum=0.9)
by_another_name: mx.optimizer.Optimizer = mx.optimizer.create("heavy", momentum=0.5)
scheduled = mx.optimizer.Adam(wd=mx.lr_scheduler.CosineScheduler(max_update=9), beta1=lambda t: 0.9)
also = Heavy(momentum=lambda t: 1 / t, groups={".*_bias": {"wd": 0}}, accumulate=2, on_nonfinite="skip")
rate: float = also.settings_of("weight")["learning_rate"]
mx.save_state("fit.mxstate", updater)
mx.load_state("fit.mxstate", updater)
'''

WRONG = {
    "a keyword of a built-in class": ("mx.optimizer.Adam(learning_rat=0.1)", "learning_rat"),
    "a built-in class": ("mx.optimizer.Adma(learning_rate=0.1)", "Adma"),
    "an attribute of a built-in class": ("mx.optimizer.Adam().bta1", "bta1"),
    "a keyword of one's own class": ("Heavy(momentm=0.5)", "momentm"),
    "a keyword of the base class": ("Heavy(learning_rate=0.1, wdd=0.1)", "wdd"),
    "the type of a hyper-parameter": ("Heavy(momentum='much')", "momentum"),
    "what a schedule returns": ("Heavy(momentum=lambda t: 'much')", "Incompatible return value"),
    "a schedule of a boolean": ("Heavy(damped=lambda t: True)", "damped"),
    "a required hyper-parameter": ("Heavier()", "Heavier"),
    "an attribute behind an updater": ("updater.optimizer.momentum", "momentum"),
    "an initializer": ("mx.initializer.Xaver()", "Xaver"),
    "a scheduler's keyword": ("mx.lr_scheduler.FactorScheduler(stop=3)", "stop"),
    "the order of arguments": ("mx.load_state(updater, 'fit.mxstate')", "load_state"),
}


def checked(folder: Path, program: str) -> tuple[int, list[str]]:
    """Return the exit status of ``mypy --strict`` with the documented configuration, and its output."""
    (folder / "pyproject.toml").write_text('[tool.mypy]\nplugins = ["mxcore.mypy"]\n', encoding="utf-8")
    (folder / "fit.py").write_text(program, encoding="utf-8")
    cache = folder.parent / "mypy"  # NumPy is read once
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(cache), "fit.py"]
    run = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)
    return run.returncode, run.stdout.splitlines() + run.stderr.splitlines()


def test_a_program_in_the_style_of_the_readme_is_right(tmp_path: Path) -> None:
    assert checked(tmp_path, PROGRAM) == (0, ["Success: no issues found in 1 source file"])
    subprocess.run([sys.executable, "fit.py"], cwd=tmp_path, check=True)


def test_every_misspelling_is_found_where_it_is(tmp_path: Path) -> None:
    start = len(PROGRAM.splitlines()) + 1
    status, printed = checked(tmp_path, PROGRAM + "".join(f"{line}\n" for line, _ in WRONG.values()))
    assert status == 1
    for number, (what, (line, word)) in enumerate(WRONG.items(), start):
        found = [one for one in printed if one.startswith(f"fit.py:{number}: error:") and word in one]
        assert found, f"{what}: {line!r} passed\n" + "\n".join(printed)
    assert {int(one.split(":")[1]) for one in printed if ": error:" in one} == set(range(start, start + len(WRONG)))


def test_the_stubs_say_what_the_modules_are(tmp_path: Path) -> None:
    (tmp_path / "allowed").write_text(
        r"mxcore\.optimizer\._.*", encoding="utf-8"
    )  # what mypy itself adds to a private class
    options = ["--mypy-config-file", "pyproject.toml", "--allowlist", str(tmp_path / "allowed")]
    options += ["--ignore-unused-allowlist", "--ignore-missing-stub"]  # what attrs adds to every class is in no stub
    modules = ["mxcore.initializer", "mxcore.lr_scheduler", "mxcore.optimizer"]
    command = [sys.executable, "-m", "mypy.stubtest", *modules, *options]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert (run.returncode, run.stdout.splitlines()[-1:]) == (0, ["Success: no issues found in 3 modules"]), run.stdout
