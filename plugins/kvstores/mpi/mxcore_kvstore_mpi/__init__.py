"""A key-value store of several processes over MPI, for mxcore."""

from __future__ import annotations

from mxcore_kvstore_mpi.store import MPIKVStore

__all__ = ["MPIKVStore"]
