"""Waits for what does not come."""

import threading

threading.Event().wait()
