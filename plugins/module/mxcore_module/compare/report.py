"""The output of a comparison: tables, a plot, and a self-contained page with everything."""

from __future__ import annotations

import base64
import csv
import html
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mxcore_plot import render

from mxcore.state.atomic import write_atomically
from mxcore_module.compare.plot import draw
from mxcore_module.compare.summary import Contestant
from mxcore_module.compare.trials import Outcome

__all__ = ["COLUMNS", "FILES", "row", "write"]

FILES = ("report.html", "compare.svg", "summary.csv", "runs.csv", "epochs.csv")
COLUMNS = ("optimizer", "best rate", "{score}", "loss", "good rates", "diverged", "time per run")

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --ink: #1c1c1c; --soft: #5b5b5b; --line: #d9d9d9; --back: #fff; --panel: #f4f4f4; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: #e8e8e8; --soft: #a8a8a8; --line: #3d3d3d; --back: #161616; --panel: #222; }}
}}
body {{ margin: 0 auto; max-width: 62rem; padding: 1.5rem 1rem 3rem; background: var(--back); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }}
h1 {{ font-size: 1.6rem; line-height: 1.2; }} h2 {{ font-size: 1.15rem; margin-top: 2rem; }}
p, li {{ max-width: 44rem; }} .soft {{ color: var(--soft); }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .35rem .9rem .35rem 0; text-align: left; white-space: nowrap;
  border-bottom: 1px solid var(--line); }}
img {{ display: block; width: 100%; min-width: 40rem; background: #fff; border-radius: .4rem; }}
pre {{ background: var(--panel); padding: .8rem 1rem; border-radius: .4rem; white-space: pre-wrap;
  overflow-wrap: anywhere; }}
</style>
<h1>{title}</h1>
<p>{introduction}</p>
{note}
<h2>Best results</h2>
<div class="wide">{table}</div>
<p class="soft">Measured on the validation rows after the last epoch; mean ± standard deviation over the seeds. The best
rate has the best mean among those at which no run diverged. Good rates are within {margin} of it: the more there are,
the less the choice matters. Times are from processes that ran in parallel: use them to compare, not as a benchmark.</p>
<h2>Learning rates and learning curves</h2>
<div class="wide"><img src="data:image/svg+xml;base64,{picture}" alt="{score} and loss of each optimizer, against \
learning rate and epoch"></div>
<p class="soft">Lines are means over the seeds, bands range from the worst seed to the best, and crosses mark rates at
which a run diverged.</p>
<h2>Reproduce it</h2>
<pre>{command}</pre>
<p>A single run, for example the first:</p>
<pre>{single}</pre>
<div class="wide">{versions}</div>
<h2>All runs</h2>
<details><summary>{count} runs</summary><div class="wide">{runs}</div></details>
</html>
"""


def row(contestant: Contestant) -> tuple[str, ...]:
    """Format a row of the printed table, in the order of ``COLUMNS``."""
    best, good = contestant.best, [f"{one.rate:g}" for one in contestant.good]
    found = ("none", "–", "–", "–")
    if best:
        score, loss = best.final("score"), best.final("loss")
        span = good[0] if len(good) == 1 else f"{good[0]} … {good[-1]}"
        share = f"{span} ({len(good)} of {len(contestant.rates)})"
        found = (f"{best.rate:g}", _score(score, contestant), f"{loss.mean():.3g} ± {_spread(loss):.2g}", share)
    return contestant.label, *found, f"{contestant.diverged} of {contestant.runs}", f"{contestant.seconds:.2f} s"


def _score(values: Any, contestant: Contestant) -> str:
    if contestant.higher_is_better:
        return f"{values.mean():.1%} ± {_spread(values):.1%}"
    return f"{values.mean():.4g} ± {_spread(values):.2g}"


def _spread(values: Any) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def write(folder: Path, contestants: Sequence[Contestant], score_name: str, texts: Mapping[str, Any]) -> None:
    """Write all files, each completely or not at all.

    Args:
        folder: the existing folder to write to.
        contestants: the results.
        score_name: ``"accuracy"`` or ``"rmse"``.
        texts: the page's ``title``, ``introduction``, ``note``, ``command``, ``single`` and ``versions``, a dict.
    """
    picture = render(draw(contestants, score_name), "svg")
    runs = _runs(contestants, score_name)
    files = {
        "compare.svg": picture,
        "summary.csv": _csv(_summary(contestants, score_name)),
        "runs.csv": _csv(runs),
        "epochs.csv": _csv(_epochs(contestants, score_name)),
        "report.html": _page(contestants, score_name, texts, picture, runs).encode(),
    }
    for name, content in files.items():
        write_atomically(folder / name, content)


def _outcomes(contestants: Sequence[Contestant]) -> Iterable[Outcome]:
    return (outcome for contestant in contestants for one in contestant.rates for outcome in one.outcomes)


def _summary(contestants: Sequence[Contestant], score_name: str) -> list[Sequence[Any]]:
    head = ("optimizer", "best_rate", score_name, f"{score_name}_sd", "loss", "loss_sd")
    rows: list[Sequence[Any]] = [(*head, "rates", "good_rates", "runs", "diverged", "seconds_per_run")]
    for one in contestants:
        values = [one.best.final(which) for which in ("score", "loss")] if one.best else []
        cells = [f"{value:.6g}" for array in values for value in (array.mean(), _spread(array))] or [""] * 4
        rate = f"{one.best.rate:g}" if one.best else ""
        counts = (len(one.rates), len(one.good), one.runs, one.diverged, f"{one.seconds:.3f}")
        rows.append((one.label, rate, *cells, *counts))
    return rows


def _runs(contestants: Sequence[Contestant], score_name: str) -> list[Sequence[Any]]:
    """Return a line for each run, without times, so that equal comparisons give equal bytes."""
    rows: list[Sequence[Any]] = [("optimizer", "learning_rate", "seed", score_name, "loss", "epochs", "diverged")]
    for outcome in _outcomes(contestants):
        trial, last = outcome.trial, outcome.last
        cells = (f"{last.score:.6g}", f"{last.loss:.6g}") if last else ("", "")
        done = "yes" if outcome.diverged else "no"
        rows.append((trial.label, f"{trial.rate:g}", trial.seed, *cells, len(outcome.epochs), done))
    return rows


def _epochs(contestants: Sequence[Contestant], score_name: str) -> list[Sequence[Any]]:
    rows: list[Sequence[Any]] = [("optimizer", "learning_rate", "seed", "epoch", score_name, "loss")]
    for outcome in _outcomes(contestants):
        trial = outcome.trial
        for epoch, measure in enumerate(outcome.epochs, start=1):
            found = (f"{measure.score:.6g}", f"{measure.loss:.6g}")
            rows.append((trial.label, f"{trial.rate:g}", trial.seed, epoch, *found))
    return rows


def _csv(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _page(
    contestants: Sequence[Contestant],
    score_name: str,
    texts: Mapping[str, Any],
    picture: bytes,
    runs: Sequence[Sequence[Any]],
) -> str:
    plain = {name: html.escape(text) for name, text in texts.items() if isinstance(text, str)}
    return _PAGE.format(
        **{**plain, "note": f"<p><strong>{plain['note']}</strong></p>" if plain["note"] else ""},
        score=score_name,
        margin="a percentage point" if score_name == "accuracy" else "5 %",
        table=_table([[name.format(score=score_name) for name in COLUMNS], *map(row, contestants)]),
        picture=base64.b64encode(picture).decode(),
        versions=_table([["version of", ""], *texts["versions"].items()]),
        runs=_table(runs),
        count=len(runs) - 1,
    )


def _table(rows: Sequence[Sequence[Any]]) -> str:
    head, *body = ([html.escape(str(cell)) for cell in cells] for cells in rows)
    lines = ["".join(f"<td>{cell}</td>" for cell in cells) for cells in body]
    titles = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    return f"<table><tr>{titles}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"
