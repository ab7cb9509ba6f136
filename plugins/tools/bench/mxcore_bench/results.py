"""The results of an experiment: the figures of each contestant, as records and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from mxcore.catalogue import PluginError
from mxcore_bench import timing
from mxcore_bench.experiment import Entrant, Experiment, LeftOutError, Sampler

__all__ = ["Result", "Row", "evaluate", "run"]


@attrs.frozen
class Row:
    """The figures of a contestant.

    Args:
        contestant: its name.
        family: its name without the number of threads and the case.
        threads: how many threads it used; None if it chooses itself.
        repetitions: how many steps a sample has.
        median_s: the median time of a step over the rounds, in seconds.
        best_s: the shortest time.
        ns_per_parameter: the median divided by the number of parameters.
        gb_per_s: the bytes that a perfect step moves, divided by the median.
        ratios: the median of the ratios per round, by reference, for those that took part.
        case: its case, if these differ within an experiment.
    """

    contestant: str
    family: str
    threads: int | None
    repetitions: int
    median_s: float
    best_s: float
    ns_per_parameter: float | None
    gb_per_s: float | None
    ratios: Mapping[str, float] = attrs.field(hash=False)
    case: str = ""


@attrs.frozen
class Result:
    """An experiment that was run, or skipped.

    Args:
        experiment: the experiment.
        rounds: how often each contestant was sampled.
        rows: the figures, in the order of the contestants.
        left_out: the contestants that did not take part, and why.
        skipped: why the experiment was skipped; empty if it was not.
    """

    experiment: Experiment
    rounds: int = 0
    rows: tuple[Row, ...] = ()
    left_out: Mapping[str, str] = {}
    skipped: str | None = None

    @property
    def plotted(self) -> str | None:
        """The name of the reference of the plot: the last one that took part."""
        present = [one.name for one in self.experiment.references if any(one.name in row.ratios for row in self.rows)]
        return present[-1] if present else None

    def as_json(self) -> dict[str, Any]:
        """Return the result as plain values."""
        stated = ("workload", "title", "group", "optimizer", "dtype", "tensors", "parameters", "bytes_per_parameter")
        return {
            **{name: getattr(self.experiment, name) for name in stated},
            "rounds": self.rounds,
            "skipped": self.skipped,
            "left_out": dict(self.left_out),
            "results": [attrs.asdict(row) for row in self.rows],
        }


def run(
    experiment: Experiment,
    seconds: float,
    wanted: Callable[[Entrant], bool] = lambda _: True,
    on_round: Callable[[float], object] = lambda _: None,
) -> Result:
    """Run an experiment within a budget of time; see :func:`mxcore_bench.timing.measure`.

    Args:
        experiment: the experiment.
        seconds: the budget.
        wanted: selects the contestants to run.
        on_round: called with the fraction of the budget that is spent.
    """
    available = experiment.device.free_memory()
    if available is not None and experiment.memory > available:
        needed, there = (f"{size / 1e9:.1f} GB" for size in (experiment.memory, available))
        return Result(experiment, skipped=f"needs about {needed} of memory, but {there} are available")
    try:
        subject = experiment.prepare()
    except LeftOutError as error:
        return Result(experiment, skipped=str(error))
    samplers, left_out = _build([one for one in experiment.entrants if wanted(one)], subject)
    if not samplers:
        return Result(experiment, left_out=left_out, skipped="no contestant is left")
    samples, repetitions = timing.measure(samplers, seconds, on_round)
    rounds = len(next(iter(samples.values())))
    return Result(experiment, rounds, evaluate(experiment, samples, repetitions), left_out)


def _build(entrants: Sequence[Entrant], subject: Any) -> tuple[dict[Entrant, Sampler], dict[str, str]]:
    samplers, left_out = {}, {}
    for entrant in entrants:
        try:
            samplers[entrant] = entrant.build(subject)
        except (LeftOutError, PluginError) as error:
            left_out[entrant.name] = str(error)
    return samplers, left_out


def evaluate(
    experiment: Experiment, samples: Mapping[Entrant, Sequence[float]], repetitions: Mapping[Entrant, int]
) -> tuple[Row, ...]:
    """Compute the figures of each contestant from the seconds per step in each round."""
    medians = {entrant: statistics.median(times) for entrant, times in samples.items()}
    rows = []
    for entrant, median in medians.items():
        picked = {one.name: one.pick(entrant, medians) for one in experiment.references}
        rows.append(
            Row(
                contestant=entrant.name,
                family=entrant.family,
                threads=entrant.threads,
                repetitions=repetitions[entrant],
                median_s=median,
                best_s=min(samples[entrant]),
                ns_per_parameter=median / experiment.parameters * 1e9 if experiment.parameters else None,
                gb_per_s=experiment.bytes_per_parameter * experiment.parameters / median / 1e9 or None,
                ratios={name: timing.ratio(samples[entrant], samples[one]) for name, one in picked.items() if one},
                case=entrant.case,
            )
        )
    return tuple(rows)
