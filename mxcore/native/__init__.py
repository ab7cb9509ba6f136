"""The compiler, the threads, and the native side of a step."""
