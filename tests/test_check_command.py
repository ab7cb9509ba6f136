"""``mxcore check`` and ``pytest --mxcore-check``, in separate processes, on a correct class and a wrong one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

WRONG = """
import mxcore as mx

class Swift(mx.optimizer.Optimizer):
    def create_state(self, index, weight):
        return None

    def update(self, index, weight, grad, state):
        self._update_count(index)
        weight -= self.learning_rate * grad  # ignores multipliers, decay, rescaling and clipping
"""


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    """A folder with an installed plugin that has a mistake."""
    (tmp_path / "wrong_swift.py").write_text(WRONG, encoding="utf-8")
    info = tmp_path / "wrong_swift-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: wrong-swift\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[mxcore.optimizers]\nswift = wrong_swift:Swift\n", encoding="utf-8")
    return tmp_path


def run(*arguments: str, path: Path) -> tuple[int, str]:
    environment = {**os.environ, "PYTHONPATH": str(path)}
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        capture_output=True,
        encoding="utf-8",
        env=environment,
        cwd=path,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_command_tells_right_from_wrong(wrong: Path) -> None:
    status, said = run("mxcore", "check", "swift", "SGD", "--only", "multipliers_scale_the_rate", path=wrong)
    assert status == 1
    assert "Swift breaks a claim: multipliers_scale_the_rate" in said
    assert "Swift: 1 broken\nSGD: 1 passed" in said
    status, said = run("mxcore", "check", "optimizer:sgd", "--only", "multipliers_scale_the_rate", path=wrong)
    assert (status, said.strip()) == (0, "SGD: 1 passed")


def test_json_has_every_outcome(wrong: Path) -> None:
    status, said = run("mxcore", "check", "wrong-swift", "swift", "--json", path=wrong)
    found = {one["check"]: one for one in json.loads(said)}
    assert status == 1
    assert found["metadata_is_complete"]["status"] == "broken"
    assert found["rescaling_multiplies_the_gradient"]["status"] == "broken"
    assert found["gradients_are_left_alone"]["status"] == "passed"
    assert found["gpus_agree_with_the_cpu"]["status"] in ("passed", "not run")
    assert all(one["claim"] and (one["seen"] or one["status"] == "passed") for one in found.values())


def test_what_is_asked_for_wrongly_is_said_in_one_line(wrong: Path) -> None:
    for arguments, message in (
        (["adma"], "cannot find optimizer 'adma': did you mean"),
        (["sgd", "--only", "it_flies"], "there is no check called 'it_flies'"),
        (
            ["--explain", "it_flies"],
            "there is no check called 'it_flies': the checks are a_gradient_of_zero_moves_nothing",
        ),
        ([], "name what to check, as in `mxcore check adam`, or use --all"),
    ):
        status, said = run("mxcore", "check", *arguments, path=wrong)
        assert status == 2
        assert message in said
        assert "Traceback" not in said


def test_pytest_runs_the_checks_of_installed_names(wrong: Path) -> None:
    status, said = run("pytest", "-q", "--mxcore-check", "factor", "-p", "no:cacheprovider", path=wrong)
    assert status == 0, said
    assert "10 passed" in said
    status, said = run("pytest", "-q", "--mxcore-check", "swift", "-p", "no:cacheprovider", path=wrong)
    assert status == 1
    assert "FAILED mxcore::Swift-multipliers_scale_the_rate" in said.replace("\\", "/")
    status, said = run("pytest", "-q", "--mxcore-check", "adma", "-p", "no:cacheprovider", path=wrong)
    assert status == 4
    assert "ERROR: cannot find optimizer 'adma'" in said
