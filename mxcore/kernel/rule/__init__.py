"""What a rule is: its program, traced into a graph, the numbers before it, and norms."""
