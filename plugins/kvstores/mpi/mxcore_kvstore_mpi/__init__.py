"""A key-value store of several processes over MPI, for mxcore."""

from __future__ import annotations

try:
    from mxcore_kvstore_mpi.store import MPIKVStore
except RuntimeError as error:  # mpi4py's, which lists where it looked
    missing = ImportError("mpi4py finds no MPI library")
    missing.add_note("Load the one of your cluster, or `pip install mpich`")
    raise missing from error

__all__ = ["MPIKVStore"]
