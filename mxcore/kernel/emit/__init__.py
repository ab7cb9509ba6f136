"""Source code from a graph: blocked NumPy, LLVM IR, CUDA C."""
