"""``mxcore launch`` and ``mxcore train --kvstore`` start a Ray that only this machine can reach."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
from namespaces import interfaces, is_loopback, listening

SCRIPT = """
import sys
import numpy as np, mxcore as mx

sys.path.insert(0, {here!r})
from namespaces import is_loopback, listening

with mx.kv.create(sys.argv[1]) as store:
    weight = np.zeros(4, np.float32)
    store.broadcast("w", weight, out=weight)
    store.set_optimizer(mx.optimizer.create("dcasgd", learning_rate=1.0, lamda=0.0))
    store.barrier()
    for _ in range(5):
        store.pushpull("w", np.full(4, store.rank + 1.0, np.float32), out=weight)
    store.barrier()
    store.pull("w", out=weight)
    late = sum(store.staleness().values())
    print("worker", store.rank, "of", store.num_workers, weight.tolist(), late, all(map(is_loopback, listening())))
"""


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("MXCORE_")}
    command = [sys.executable, "-m", "mxcore", *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, check=False, env=env, cwd=cwd)


@pytest.mark.parametrize(("store", "pushes"), [("dist_sync", 0), ("dist_async", 10)])
def test_a_script_runs_in_workers_beside_servers(store: str, pushes: int, tmp_path: Path) -> None:
    assert interfaces() == ["lo"]
    (tmp_path / "script.py").write_text(
        SCRIPT.format(here=str(Path(sys.modules["namespaces"].__file__ or "").parent)), "utf-8"
    )
    done = run("launch", "-n", "2", "-s", "2", sys.executable, "script.py", store, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = sorted(line for line in done.stdout.splitlines() if "worker" in line)
    assert lines == [f"[{rank}] worker {rank} of 2 {[-15.0] * 4} {pushes} True" for rank in range(2)]
    assert not [address for address in listening() if not is_loopback(address)]


@pytest.mark.parametrize("store", ["dist_sync", "dist_async"])
def test_a_network_trains_in_several_processes(store: str, tmp_path: Path) -> None:
    options = ["--workers", "2", "--epochs", "4", "--seed", "1", "--out", "run"]
    done = run("train", "--kvstore", store, *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "run" / "metrics.csv").open(encoding="utf-8")))
    assert float(rows[-1]["validation_accuracy"]) > 0.9
    assert ("Staleness" in done.stdout) == (store == "dist_async")
    assert not [line for line in done.stdout.splitlines() if line.startswith("[1] Data")]
