"""Stops whoever asks for it."""

raise KeyboardInterrupt
