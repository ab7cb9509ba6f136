"""Text from a graph: blocked NumPy, LLVM IR, CUDA C."""
