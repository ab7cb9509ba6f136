"""``python -m mxcore.bench`` is ``mxcore bench``."""

from mxcore.bench.command import bench

if __name__ == "__main__":
    bench(prog_name="mxcore bench")
