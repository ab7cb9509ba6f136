"""The Ray cluster of a job: connecting to it, and starting its actors."""

from __future__ import annotations

import os
from typing import Any

import ray

from mxcore_kvstore_ray.coordinator import Coordinator
from mxcore_kvstore_ray.records import NAMESPACE, Job
from mxcore_kvstore_ray.server import Server

OBJECT_STORE = 600 * 10**6
"""Bytes of shared memory of a cluster that is started here."""


def connect(address: str | None) -> bool:
    """Connect to a cluster, or start one that only this machine can reach; return whether it was started.

    Args:
        address: that of the cluster, or None to start one, unless this process is in one already.
    """
    if ray.is_initialized():
        return False
    if address is not None:
        ray.init(address=address, namespace=NAMESPACE, log_to_driver=False)
        return False
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    ray.init(
        address="local",
        namespace=NAMESPACE,
        include_dashboard=False,
        object_store_memory=OBJECT_STORE,
        log_to_driver=False,
        _node_ip_address="127.0.0.1",
    )
    return True


def start(job: Job) -> None:
    """Start the coordinator and the servers of a job, unless they are there."""
    at_once = 4 * (job.workers + job.servers) + 8
    options: dict[str, Any] = {
        "namespace": NAMESPACE,
        "num_cpus": 0,
        "max_restarts": -1,
        "max_concurrency": at_once,
        "lifetime": "detached",  # a worker that ends, or is lost, takes none of them with it
        "get_if_exists": True,
    }
    ray.remote(Coordinator).options(name=job.coordinator, **options).remote(job)
    for index in range(job.servers):
        ray.remote(Server).options(name=job.server(index), **options).remote(job, index)
