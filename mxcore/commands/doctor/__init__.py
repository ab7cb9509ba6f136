"""``mxcore doctor``: show what is installed and in use, what is wrong with it, and how to fix it."""
