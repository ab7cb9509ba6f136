"""Nothing here is imported by pytest itself: MPI listens on all interfaces. See tests/test_mpi.py."""

collect_ignore_glob = ["mxcore_kvstore_mpi/*", "tests/programs/*", "README.md"]
