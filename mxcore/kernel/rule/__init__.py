"""Rules: programs, tracing into graphs, the numbers computed on the host, and norms."""
