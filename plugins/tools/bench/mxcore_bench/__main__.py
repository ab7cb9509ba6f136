"""``python -m mxcore_bench`` runs ``mxcore bench``."""

from mxcore_bench.command import bench

if __name__ == "__main__":
    bench(prog_name="mxcore bench")
