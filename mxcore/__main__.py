"""``python -m mxcore`` runs the command ``mxcore``."""

from mxcore.commands.cli import main

if __name__ == "__main__":
    main(prog_name="mxcore")
