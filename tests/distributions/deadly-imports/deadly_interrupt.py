"""Interrupts the importing program."""

raise KeyboardInterrupt
