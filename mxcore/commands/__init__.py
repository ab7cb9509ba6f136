"""`mxcore` itself: list, show, doctor; names and arguments as people type them."""
