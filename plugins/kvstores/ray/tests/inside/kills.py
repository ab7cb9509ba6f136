"""Processes are killed at random moments, and the run ends as if nothing had happened."""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from mxcore_kvstore_ray.records import Lost
from training import alone, on_all, opened, status, workers

KILLS = int(os.environ.get("KILLS") or 1)
STEPS, PAUSE = 60, 0.02
CASES = [("server", 1), ("worker", 1), ("server", 40), ("worker", 40), ("both", 40)]
if KILLS > 1:
    CASES += [("coordinator", 1), ("both", 1)]
RNG = np.random.default_rng(int(os.environ.get("SEED") or time.time_ns()))


def started(trainers: list[Any], name: str, **options: Any) -> list[Any]:
    return [one.train.remote(name, STEPS, PAUSE, **options) for one in trainers]


def wait_for(job: str, updates: int) -> None:
    deadline = time.monotonic() + 60
    while status(job)["updates"] < updates:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill(pid: int, moment: float) -> None:
    time.sleep(moment)
    os.kill(pid, 9)


@pytest.fixture(scope="module")
def trainers() -> list[Any]:
    return workers(2)


@pytest.mark.parametrize("number", range(KILLS))
@pytest.mark.parametrize(("victim", "interval"), CASES)
def test_sync_ends_with_the_bits_of_an_undisturbed_run(
    trainers: Any, job: str, tmp_path: Path, victim: str, number: int, interval: int
) -> None:
    options = {"job": job, "servers": 2, "checkpoint": str(tmp_path), "interval": interval, "timeout": 40.0}
    opened(trainers, **options)
    runs = started(trainers, "adam, clipped")
    wait_for(job, int(RNG.integers(1, STEPS - 5)))
    moment = float(RNG.uniform(0, 0.05))
    if victim in ("server", "both"):
        kill(status(job, int(RNG.integers(2)))["pid"], moment)
    if victim in ("worker", "both"):
        rank = int(RNG.integers(2))
        kill(ray.get(trainers[rank].pid.remote()), moment)
        (trainers[rank],) = workers(1)
        ray.get(trainers[rank].open.remote(rank=rank, num_workers=2, **options), timeout=60)
        runs[rank] = trainers[rank].train.remote("adam, clipped", STEPS, 0.0)
    if victim == "coordinator":
        coordinator = ray.get_actor(f"{job}/coordinator", namespace="mxcore")
        kill(ray.get(coordinator.status.remote())["pid"], moment)
    assert ray.get(runs, timeout=120) == [alone("adam, clipped", STEPS, 2)] * 2
    assert [status(job, server)["updates"] for server in (0, 1)] == [STEPS, STEPS]
    on_all(trainers, "call", "close")


@pytest.mark.parametrize("number", range(KILLS))
@pytest.mark.parametrize("victim", ["server", "worker"])
def test_async_applies_each_push_once(trainers: Any, job: str, tmp_path: Path, victim: str, number: int) -> None:
    options = {"type": "dist_async", "job": job, "servers": 2, "checkpoint": str(tmp_path), "interval": 7}
    opened(trainers, **options)
    runs = started(trainers, "sgd")
    wait_for(job, int(RNG.integers(1, STEPS)))
    moment = float(RNG.uniform(0, 0.05))
    if victim == "worker":
        kill(ray.get(trainers[1].pid.remote()), moment)
        (trainers[1],) = workers(1)
        ray.get(trainers[1].open.remote(rank=1, num_workers=2, **options), timeout=60)
        runs[1] = trainers[1].train.remote("sgd", STEPS, 0.0)
    else:
        kill(status(job, int(RNG.integers(2)))["pid"], moment)
    ray.get(runs, timeout=120)
    on_all(trainers, "call", "barrier")
    for server in (0, 1):
        found = status(job, server)
        assert (found["updates"], found["seen"]) == (2 * STEPS, {0: STEPS, 1: STEPS})
    on_all(trainers, "call", "close")


def test_without_checkpoints_a_lost_server_is_an_error(trainers: Any, job: str) -> None:
    opened(trainers, job=job, servers=2, timeout=10.0)
    runs = started(trainers, "sgd")
    wait_for(job, 5)
    began = time.monotonic()
    kill(status(job, 1)["pid"], 0.0)
    errors = []
    for run in runs:
        with pytest.raises((Lost, TimeoutError)) as caught:
            ray.get(run, timeout=60)
        errors.append(str(caught.value))
    assert time.monotonic() - began < 25
    assert any(f"server 1 of job '{job}' was lost, and its weights with it" in error for error in errors), errors
    on_all(trainers, "leave")


def test_a_worker_that_does_not_come_is_named(trainers: Any, job: str) -> None:
    opened(trainers, job=job, timeout=3.0)
    runs = started(trainers, "sgd")
    wait_for(job, 3)
    kill(ray.get(trainers[1].pid.remote()), 0.0)
    with pytest.raises(TimeoutError, match=r"has waited 3 s for worker 1"):
        ray.get(runs[0], timeout=30)
