"""`mxcore train` as tests call it, and the contents of a run's folder."""

import csv
import json
import sys

from commands import invoke
from mxcore_module.train import train

QUICK = ("--epochs", "1", "--hidden", "16", "--seed", "3")
COMMAND = (sys.executable, "-c", "from mxcore_module.train import train; train(prog_name='mxcore train')")


def call(*arguments):
    result = invoke(train, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def quick(*arguments, out="run"):
    result = call(*QUICK, "--out", out, *arguments)
    assert result.exit_code == 0, result.output
    return result


def config(folder):
    return json.loads((folder / "config.json").read_text(encoding="utf-8"))


def metrics(folder):
    with (folder / "metrics.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def column(rows, name):
    return [float(row[name]) for row in rows if row[name]]
