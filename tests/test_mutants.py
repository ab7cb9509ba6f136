"""The kit is tested with algorithms that each have one mistake, like real ones.

Each mutant differs in one line from an algorithm that passes everything, and must be killed by the check for that
line.
"""

import importlib
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

import mxcore as mx
from mxcore.initializer import Initializer
from mxcore.kernel.run import plan
from mxcore.lr_scheduler import LRScheduler
from mxcore.optimizer import Optimizer
from mxcore.state import entries
from mxcore.testing import CHECKS, cases
from mxcore.testing.subject import Subject

DOC = """What it does.

.. math::

    w = w - lr \\cdot g

>>> 1 + 1
2

Args:
    momentum: what is kept of the velocity.
    beta: what is kept of the means.
    period: where the cosine ends.
    scale: the standard deviation.

References:
    A. Nobody, "Nothing", 2026
"""


def verdicts(cls: type[Any], *only: str) -> dict[str, str]:
    """Return the outcomes of the checks of a class."""
    outcomes = [case.run() for case in cases(cls, only)]
    return {outcome.check.name: f"{outcome.status}: {outcome.seen}" for outcome in outcomes}


# --- optimizers in MXNet's way ---------------------------------------------------------------------------------------


def heavy_ball(mutation: str = "") -> type[Optimizer]:  # noqa: C901 - each branch is a mutation
    """SGD with momentum in typical array code, with one mistake."""
    made: list[Any] = []
    kept: dict[Any, Any] = {}

    def is_(name: str) -> bool:
        return mutation == name

    class HeavyBall(Optimizer):
        __doc__ = "Nothing." if is_("documents nothing") else DOC
        momentum: float = (
            attrs.field(default=0.5) if is_("checks no argument") else mx.hyperparameter(0.5, mx.in_range(0, 1))
        )
        slots = ("velocity", "idle") if is_("keeps a slot that it does not use") else ("velocity",)
        bad_examples = ({"momentum": 0.25},) if is_("accepts a bad example") else ({"momentum": 2},)
        expected_failures = {"it_descends": "it cannot"} if is_("says that it fails and does not") else {}

        def create_state(self, index: Any, weight: Any) -> Any:
            if is_("shares its state between instances"):
                return kept.setdefault(index, np.zeros_like(weight))
            if is_("keeps float64 whatever the weight"):
                return np.zeros(weight.shape)
            velocity = np.zeros_like(weight)
            return (velocity, np.zeros_like(weight)) if is_("keeps a slot that it does not use") else velocity

        def update(self, index: Any, weight: Any, grad: Any, state: Any) -> None:  # noqa: C901
            self._update_count(index)
            if is_("counts a step twice"):
                self._update_count(index)
            velocity = state[0] if isinstance(state, tuple) else state
            lr, wd = self._get_lr(index), self._get_wd(index)
            if is_("ignores the multipliers"):
                lr = self.learning_rate
            if is_("decays biases"):
                wd = self.wd
            if is_("writes to the gradient"):
                grad *= self.rescale_grad * 0.5
                grad = grad / 0.5
            elif not is_("ignores the factor of the gradient"):
                grad = grad * self.rescale_grad
            if self.clip_gradient is not None and not is_("ignores the bound of the gradient"):
                grad = np.clip(grad, -self.clip_gradient, self.clip_gradient)
            if is_("hides a NaN"):
                grad = np.nan_to_num(grad)
            if is_("takes the sign of zero for one"):
                grad = np.where(grad >= 0, abs(grad) + 0.01, grad).astype(grad.dtype)
            if is_("squares without care"):
                grad = grad * grad / (abs(grad) + 1)
            if is_("divides by a norm"):
                grad = grad / (1 + np.linalg.norm(grad)).astype(grad.dtype)
            if is_("draws from NumPy's generator"):
                grad = grad * (1 + 0.01 * np.random.default_rng().normal()).__float__()
            if is_("depends on its neighbours"):
                made.append(index)
                grad = grad * (1.0 if made.count(index) < len(made) - len(made) // 2 else 0.9)
            if is_("leaks"):
                made.append(np.array(grad))
            if not is_("accepts decay and ignores it"):
                grad = grad + wd * weight
            if is_("keeps its velocity outside of the state"):
                velocity = kept.setdefault((self, index), velocity.copy())
            if is_("does not keep its velocity"):
                velocity = velocity.copy()
            velocity *= self.momentum
            velocity -= lr * grad
            if is_("decays at a rate of zero"):
                velocity -= 0.001 * weight
            if is_("climbs"):
                velocity *= -1
            if is_("assumes the order of memory"):
                weight.reshape(-1)[...] += velocity.reshape(-1)
            else:
                weight += velocity

        def update_multi_precision(self, index: Any, weight: Any, grad: Any, state: Any) -> None:
            if is_("rounds its master") and isinstance(state, tuple):
                state[0][...] = state[0].astype(np.float16)
            super().update_multi_precision(index, weight, grad, state)

    return mx.hyperparameters(HeavyBall)


@pytest.mark.parametrize(
    ("mutation", "killer"),
    [
        ("does not keep its velocity", "slots_are_named_and_used"),
        ("keeps a slot that it does not use", "slots_are_named_and_used"),
        ("accepts decay and ignores it", "decay_enters_where_it_is_declared"),
        ("decays biases", "biases_do_not_decay"),
        ("decays at a rate of zero", "a_rate_of_zero_keeps_the_weights"),
        ("writes to the gradient", "gradients_are_left_alone"),
        ("counts a step twice", "updates_are_counted_once"),
        ("ignores the multipliers", "multipliers_scale_the_rate"),
        ("ignores the factor of the gradient", "rescaling_multiplies_the_gradient"),
        ("ignores the bound of the gradient", "clipping_bounds_the_gradient"),
        ("hides a NaN", "a_nan_shows"),
        ("takes the sign of zero for one", "a_gradient_of_zero_moves_nothing"),
        ("squares without care", "huge_gradients_break_nothing"),
        ("divides by a norm", "splitting_makes_no_difference"),
        ("divides by a norm", "a_nan_shows"),
        ("draws from NumPy's generator", "runs_are_deterministic"),
        ("depends on its neighbours", "order_makes_no_difference"),
        ("leaks", "memory_is_bounded"),
        ("keeps its velocity outside of the state", "resuming_is_exact"),
        ("keeps its velocity outside of the state", "resuming_finds_parameters_by_name"),
        ("rounds its master", "half_precision_follows_its_master"),
        ("shares its state between instances", "instances_share_nothing"),
        ("keeps float64 whatever the weight", "dtypes_are_kept"),
        ("climbs", "it_descends"),
        ("assumes the order of memory", "layouts_make_no_difference"),
        ("checks no argument", "bad_arguments_are_refused"),
        ("accepts a bad example", "bad_examples_are_refused"),
        ("documents nothing", "documentation_is_complete"),
        ("says that it fails and does not", "it_descends"),
    ],
)
def test_a_wrong_optimizer_is_killed(mutation: str, killer: str) -> None:
    assert verdicts(heavy_ball(mutation), killer)[killer].startswith("broken")


def expecting(expected: dict[str, Any]) -> type[Optimizer]:
    """Ignores the bound of the gradient, and declares when it fails."""
    cls = heavy_ball("ignores the bound of the gradient")
    cls.expected_failures = expected
    return cls


@pytest.mark.parametrize(
    ("reasons", "said"),
    [
        ("it does", "expected: it does"),
        ({"wd": "it does"}, "broken: with clip_gradient="),  # it fails with other arguments too
        ({"": "it does", "momentum=7": "never"}, "broken: it passes, although expected_failures says: never"),
    ],
)
def test_an_expected_failure_excuses_what_it_names_and_nothing_else(reasons: Any, said: str) -> None:
    check = "clipping_bounds_the_gradient"
    assert verdicts(expecting({check: reasons}), check)[check].startswith(said)


def test_the_right_one_passes() -> None:
    assert {name: said for name, said in verdicts(heavy_ball()).items() if said.startswith("broken")} == {}


# --- rules -----------------------------------------------------------------------------------------------------------


def adam(mutation: str = "") -> type[Optimizer]:
    """Adam as a rule, with one mistake; the trajectory is torch's (2.13.0, float64)."""
    late = 1 if mutation == "corrects the bias for one step too many" else 0

    class Adaptive(Optimizer):
        __doc__ = DOC
        slots = ("mean", "variance")
        decay = "own" if mutation == "takes decay upon itself and forgets it" else "before_clip"
        trajectory = (0.900000001, 0.8733662973709032, 0.8393233830648466, 0.8113867158892776)
        beta: float = mx.hyperparameter(0.9, mx.in_range(0, 1, right_open=True))

        @staticmethod
        def rule(weight, grad, mean, variance, *, lr, t, beta):  # type: ignore[no-untyped-def]
            mean = beta * mean + (1 if mutation == "adds up instead of averaging" else 1 - beta) * grad
            variance = 0.999 * variance + 0.001 * grad * grad
            corrected = variance / (1 - 0.999 ** (t + late))
            if mutation == "adds epsilon inside of the root":
                return weight - lr / (1 - beta**t) * mean / np.sqrt(corrected + 1e-8), mean, variance
            return weight - lr / (1 - beta**t) * mean / (np.sqrt(corrected) + 1e-8), mean, variance

    return mx.hyperparameters(Adaptive)


@pytest.mark.parametrize(
    ("mutation", "killer"),
    [
        ("corrects the bias for one step too many", "it_follows_its_trajectory"),
        ("adds epsilon inside of the root", "it_follows_its_trajectory"),
        ("adds up instead of averaging", "it_follows_its_trajectory"),
        ("takes decay upon itself and forgets it", "decay_enters_where_it_is_declared"),
    ],
)
def test_a_wrong_rule_is_killed(mutation: str, killer: str) -> None:
    assert verdicts(adam(mutation), killer)[killer].startswith("broken")


def test_the_right_rule_passes() -> None:
    assert {name: said for name, said in verdicts(adam()).items() if said.startswith("broken")} == {}


def test_a_kernel_that_differs_from_its_rule_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan.FusedPlan, "prepare", _off(plan.FusedPlan.prepare))
    assert verdicts(adam(), "kernels_agree_with_the_rule")["kernels_agree_with_the_rule"].startswith(
        "broken: llvm gives"
    )


def _off(prepare: Callable[..., None]) -> Callable[..., None]:
    """Computes with numbers that are a little too large."""

    def prepared(self: Any, *numbers: Any) -> None:
        prepare(self, *numbers)
        self.uniforms.memory[:] = [1.01 * number for number in self.uniforms.memory]

    return prepared


# --- the core --------------------------------------------------------------------------------------------------------


def test_a_state_that_is_rounded_when_it_is_loaded_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = entries.unpack

    def rounded(packed: Any, arrays: Any) -> Any:
        found = right(packed, arrays)
        return found.astype(np.float32).astype(found.dtype) if isinstance(found, np.ndarray) else found

    monkeypatch.setattr(entries, "unpack", rounded)
    assert verdicts(heavy_ball(), "resuming_is_exact")["resuming_is_exact"].startswith("broken")


def test_a_state_that_two_updaters_share_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: dict[bytes, Any] = {}
    right = mx.optimizer.Updater.set_states

    def shared(self: Any, text: bytes) -> None:
        right(self, text)
        self.states.update(loaded.setdefault(text, dict(self.states)))

    monkeypatch.setattr(mx.optimizer.Updater, "set_states", shared)
    said = verdicts(heavy_ball(), "loaded_states_share_no_memory")["loaded_states_share_no_memory"]
    assert said.startswith("broken: updater 1 shares memory")


def test_a_list_that_is_not_updated_as_its_members_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = mx.optimizer.Updater.__call__

    def twice(self: Any, index: Any, grad: Any, weight: Any) -> None:
        right(self, index, grad, weight)
        if isinstance(index, list):
            right(self, index[-1], grad[-1], weight[-1])

    monkeypatch.setattr(mx.optimizer.Updater, "__call__", twice)
    said = verdicts(heavy_ball(), "lists_equal_single_calls")["lists_equal_single_calls"]
    assert said.startswith("broken: in lists, weights and states")


# --- schedules -------------------------------------------------------------------------------------------------------


def cosine(mutation: str = "") -> type[LRScheduler]:
    """Half a cosine, with one mistake."""

    class Cosine(LRScheduler):
        __doc__ = DOC
        period: int = mx.hyperparameter(50, mx.integer(at_least=1))
        examples = ({}, {"period": 20})
        seen = 0.0

        def __attrs_post_init__(self) -> None:
            if mutation != "checks no warm-up":
                super().__attrs_post_init__()
            self.first = self.base_lr

        def dumps(self) -> str:
            return '["cosine-of-a-mutant", {}]' if mutation == "forgets its arguments" else super().dumps()

        def rate(self, t: Any) -> Any:
            if mutation == "remembers the last call":
                self.seen = t = np.maximum(t, self.seen).max() + 0 * t
            if mutation != "goes on past the end":
                t = np.minimum(t, self.period)
            base = self.first if mutation == "keeps the first base rate" else self.base_lr
            rates = base * (1 + np.cos(math.pi * t / self.period)) / 2
            if mutation == "falls below zero":
                rates = rates - 0.1 * base
            return rates.astype(np.float32) if mutation == "rounds arrays" and rates.size > 1 else rates

        def get_warmup_lr(self, num_update: Any) -> Any:
            return super().get_warmup_lr(num_update + (mutation == "warms up one step early"))

    mx.lr_scheduler.registry.classes["cosine-of-a-mutant"] = mx.hyperparameters(Cosine)
    return Cosine


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    before = dict(mx.lr_scheduler.registry.classes), dict(mx.init.registry.classes)
    yield
    for registry, classes in zip((mx.lr_scheduler.registry, mx.init.registry), before, strict=True):
        registry.classes.clear()
        registry.classes.update(classes)


@pytest.mark.parametrize(
    ("mutation", "killer"),
    [
        ("remembers the last call", "schedules_are_pure"),
        ("goes on past the end", "the_final_rate_is_held"),
        ("falls below zero", "rates_are_bounded"),
        ("keeps the first base rate", "the_base_rate_can_be_assigned"),
        ("warms up one step early", "warm_ups_follow_the_base_class"),
        ("rounds arrays", "arrays_have_the_bits_of_scalars"),
        ("forgets its arguments", "schedule_dumps_round_trips"),
        ("checks no warm-up", "wrong_warm_ups_are_refused"),
    ],
)
def test_a_wrong_schedule_is_killed(mutation: str, killer: str) -> None:
    assert verdicts(cosine(mutation), killer)[killer].startswith("broken")


def test_the_right_schedule_passes() -> None:
    assert {name: said for name, said in verdicts(cosine()).items() if said.startswith("broken")} == {}


# --- initializers ----------------------------------------------------------------------------------------------------


def fans(mutation: str = "") -> type[Initializer]:  # noqa: C901 - each branch is a mutation
    """Weights scaled by their fans, with one mistake."""
    calls: list[str] = []

    class Fans(Initializer):
        __doc__ = DOC
        scale: float = mx.hyperparameter(1.0, mx.non_negative)

        def _init_weight(self, desc: Any, array: Any) -> None:
            if mutation == "fills a copy":
                array = array.astype(np.float64)
            super()._init_weight(desc, array)
            if mutation == "tells of each piece":
                mx.hooks.call("mxcore_initialized", initializer=self, desc=desc, array=array)

        def values(self, desc: str, shape: tuple[int, ...], rng: Any) -> Any:
            if mutation == "draws from NumPy's global generator":
                return np.random.normal(0, 0.1, shape)  # noqa: NPY002 - that is the mutation
            if mutation == "counts its parameters":
                calls.append(desc)
                rng = mx.random.generator(len(calls))
            return rng.normal(0, self.deviation(shape) * (2 if mutation == "adds the fans" else 1), shape)

        def deviation(self, shape: tuple[int, ...]) -> float:
            return self.scale / max(1, sum(shape[:2]) / 2) ** 0.5

        def moments(self, shape: tuple[int, ...]) -> tuple[float, float]:
            return 0.0, self.deviation(shape)

        def _init_bias(self, desc: str, array: Any) -> None:
            array[...] = 1.0 if mutation == "gives biases a one" else 0.0

        def dumps(self) -> str:
            return (
                '["fans-of-a-mutant", {}]'
                if mutation != "forgets its arguments"
                else '["fans-of-a-mutant", {"scale": 2.0}]'
            )

    mx.init.registry.classes["fans-of-a-mutant"] = mx.hyperparameters(Fans)
    return Fans


@pytest.mark.parametrize(
    ("mutation", "killer"),
    [
        ("adds the fans", "moments_are_as_stated"),
        ("draws from NumPy's global generator", "the_seed_and_the_name_decide"),
        ("counts its parameters", "values_depend_on_seed_and_name_alone"),
        ("fills a copy", "arrays_are_filled_in_place"),
        ("tells of each piece", "hooks_are_called_once"),
        ("gives biases a one", "names_decide"),
        ("forgets its arguments", "initializer_dumps_round_trips"),
    ],
)
def test_a_wrong_initializer_is_killed(mutation: str, killer: str) -> None:
    assert verdicts(fans(mutation), killer)[killer].startswith("broken")


def test_the_right_initializer_passes() -> None:
    assert {name: said for name, said in verdicts(fans()).items() if said.startswith("broken")} == {}


# --- what only another process shows ---------------------------------------------------------------------------------

PROCESSES = """
import mxcore as mx
import numpy as np

velocities = {}


class Remembers(mx.optimizer.Optimizer):
    def create_state(self, index, weight):
        return None

    def update(self, index, weight, grad, state):
        self._update_count(index)
        velocity = velocities.setdefault(self.idx2name.get(index, index), np.zeros_like(weight))
        velocity -= self._get_lr(index) * grad
        weight += velocity


class Hashes(mx.init.Initializer):
    def values(self, desc, shape, rng):
        return np.full(shape, hash(str(desc)) % 1000)
"""


@pytest.mark.parametrize(
    ("cls", "killer"), [("Remembers", "resuming_works_in_a_new_process"), ("Hashes", "processes_agree")]
)
def test_what_stays_in_its_process_is_killed(
    cls: str, killer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mutant_of_processes.py").write_text(PROCESSES, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    module = importlib.import_module("mutant_of_processes")
    try:
        assert verdicts(getattr(module, cls), killer)[killer].startswith("broken")
    finally:
        del sys.modules["mutant_of_processes"]


def test_every_check_has_a_mutant() -> None:
    source = Path(__file__).read_text("utf-8")
    unproven = {one.name for one in CHECKS if f'"{one.name}"' not in source}
    assert unproven == {"gpus_agree_with_the" + "_cpu"}, "that one needs a GPU"


# --- packages --------------------------------------------------------------------------------------------------------

METADATA = """Metadata-Version: 2.1
Name: mutant-swift
Version: 1.0
Summary: A package
License: MIT
Requires-Python: >=3.11
Requires-Dist: mxcore>=0.1,<1

What it is.
"""
MODULE = "import mxcore\n\n\nclass Swift(mxcore.optimizer.Optimizer):\n    pass\n"


@pytest.mark.parametrize(
    ("mutation", "killer"),
    [
        ("", ""),
        (("METADATA", "Requires-Dist: mxcore>=0.1,<1", "Requires-Dist: mxcore"), "the_core_is_required_within_bounds"),
        (("METADATA", "License: MIT\n", ""), "metadata_is_complete"),
        (("__init__.py", "import mxcore\n", "import mxcore\nimport hypothesis\n"), "imports_are_declared"),
        (
            ("__init__.py", "import mxcore\n", "import mxcore\nfrom mxcore.state.restore import _settled\n"),
            "imports_are_declared",
        ),
        (("entry_points.txt", ":Swift", ":Slow"), "entry_points_lead_to_classes"),
        (("py.typed", "", "gone"), "annotations_are_shipped"),
        (("properties.json", "gone", '{"Swift": {"state_bytes": 7}}'), "stated_properties_are_true"),
    ],
    ids=str,
)
def test_a_wrong_package_is_killed(mutation: Any, killer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "METADATA": METADATA,
        "entry_points.txt": "[mxcore.optimizers]\nmutantswift = mutant_swift:Swift\n",
        "__init__.py": MODULE,
        "py.typed": "",
        "properties.json": "gone",
    }
    if mutation:
        name, old, new = mutation
        files[name] = files[name].replace(old, new) if old else new
    package, info = tmp_path / "mutant_swift", tmp_path / "mutant_swift-1.0.dist-info"
    for name, text in files.items():
        folder = package if name in ("__init__.py", "py.typed", "properties.json") else info
        folder.mkdir(exist_ok=True)
        if text != "gone":
            (folder / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "mutant_swift", raising=False)
    mx.catalogue.refresh()
    try:
        broken = [case.check.name for case in cases("mutant-swift") if case.run().status == "broken"]
    finally:
        monkeypatch.undo()
        mx.catalogue.refresh()
    assert broken == ([killer] if killer else [])


# --- what is said ----------------------------------------------------------------------------------------------------


def test_a_failure_says_what_was_claimed_and_seen_and_how_to_see_it_again() -> None:
    (case,) = cases(heavy_ball("climbs"), ["it_descends"])
    lines = str(case.run()).splitlines()
    assert lines[0] == "HeavyBall breaks a claim: it_descends"
    assert lines[1].startswith("  claimed   With the arguments in ``descent``")
    assert "a quadratic is at" in lines[2]
    assert lines[3] == "  with      HeavyBall()"
    assert lines[4] == "  rerun     mxcore check HeavyBall --only it_descends"
    assert "docs/guides/conformance.md" in lines[5]


def test_unknown_checks_and_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="there is no check called 'it_flies'"):
        list(cases(mx.optimizer.SGD, ["it_flies"]))
    with pytest.raises(TypeError, match="is not a subclass of Optimizer, Initializer or LRScheduler"):
        list(cases(Subject))
