"""The command line `mxcore` (list, show, doctor), with names and arguments as users type them."""
