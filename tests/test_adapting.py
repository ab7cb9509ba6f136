"""What adapters to other people's loops share."""

import importlib
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mxcore as mx
from mxcore.adapting import requires

ROOT = Path(__file__).resolve().parent.parent


def loop(name: str, zero: bool = False, **settings: Any) -> mx.OneByOne:
    return mx.OneByOne(mx.optimizer.get_updater(mx.optimizer.create(name, **settings)), zero=zero)


@pytest.mark.parametrize("name", ["adam", "prodigy", "muon", "average(sgd)", "mars(prodigy)"])
def test_parameters_one_by_one_are_updated_as_in_a_list(name: str) -> None:
    rng = np.random.default_rng(0)
    mine, weights = ([np.ones((3, 2)), np.ones(4)] for _ in "ab")
    one_by_one, listed = loop(name, zero=True), mx.optimizer.get_updater(mx.optimizer.create(name))
    for _ in range(5):
        grads = [rng.normal(size=weight.shape) for weight in weights]
        listed([0, 1], [grad.copy() for grad in grads], weights)
        for index in (0, 1):
            one_by_one(index, grads[index], mine[index])
        one_by_one.end_step()
        assert not any(grad.any() for grad in grads)
        for one, other in zip(mine, weights, strict=True):
            np.testing.assert_array_equal(one, other)


def test_others_are_updated_at_once_and_gradients_stay_unless_they_are_to_be_zeroed() -> None:
    sgd, weight, grad = loop("sgd", learning_rate=1.0), np.zeros(2), np.ones(2)
    sgd("w", grad, weight)
    np.testing.assert_array_equal(weight, -1)
    np.testing.assert_array_equal(grad, 1)
    sgd.end_step()
    np.testing.assert_array_equal(weight, -1)


def test_a_parameter_that_comes_twice_before_the_end_of_a_step_is_refused_and_nothing_is_lost() -> None:
    prodigy, weight = loop("prodigy", zero=True), np.ones(2)
    grad = np.ones(2)
    prodigy((1, "W"), grad, weight)
    with pytest.raises(ValueError, match=r"Prodigy updates all parameters together: end the step before \(1, 'W'\)"):
        prodigy((1, "W"), np.ones(2), weight)
    np.testing.assert_array_equal(grad, 1)
    prodigy.end_step()
    assert prodigy.updater.tally.table[1, "W"] == 1


def test_evaluation_weights_are_those_of_the_weights_that_came_last() -> None:
    averaged, weight = loop("average(sgd)", learning_rate=1.0), np.zeros(2)
    for _ in range(3):
        averaged("w", np.ones(2), weight)
    found = averaged.evaluation_weights
    assert found is not None
    assert (list(found), len(found)) == (["w"], 1)
    np.testing.assert_array_equal(found["w"], averaged.updater.evaluation_weights([weight], ["w"])[0])
    assert loop("adam").evaluation_weights is None


# --- libraries that may be absent ------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["quantum_annealer", "quantum_annealer.circuits"])
def test_the_error_says_how_to_install_a_library_that_is_absent(module: str) -> None:
    advice = "pip install 'quantum-annealer>=2'"
    with pytest.raises(ModuleNotFoundError, match=advice), requires("quantum-annealer>=2"):
        importlib.import_module(module)


def test_what_else_is_absent_is_not_that_library() -> None:
    plain = "^No module named 'something_else'$"
    with pytest.raises(ModuleNotFoundError, match=plain), requires("quantum-annealer>=2"):
        importlib.import_module("something_else.inside")


@pytest.mark.parametrize("folder", sorted(ROOT.glob("plugins/clients/*/")), ids=lambda folder: folder.name)
def test_the_error_names_the_version_that_the_plugin_requires(folder: Path) -> None:
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    sources = [file.read_text("utf-8") for file in folder.glob("mxcore_*/*.py")]
    named = {library for source in sources for library in re.findall(r'with requires\("(.+?)"\)', source)}
    assert named
    assert named <= {*project["dependencies"]}
