"""The command ``mxcore`` with the given arguments."""

import runpy

runpy.run_module("mxcore", run_name="__main__")
