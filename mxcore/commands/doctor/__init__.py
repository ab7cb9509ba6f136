"""``mxcore doctor``: what is installed and in use, what is wrong with it, and what to do."""
