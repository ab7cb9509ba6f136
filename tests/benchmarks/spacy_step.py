"""A step of spaCy with mxcore's Adam and with thinc's: ``python tests/benchmarks/spacy_step.py`` in the group clients.

Each round makes one step with each pipeline, in turn; printed are the medians of all rounds, and their ratio.
"""

from __future__ import annotations

import random
import statistics
import time
from typing import Any

import spacy
from spacy.training import Example
from thinc.api import Adam

import mxcore as mx

ROUNDS = 150
WORDS = [f"word{number}" for number in range(500)]


def examples(nlp: Any, count: int = 64) -> list[Any]:
    """Return sentences of random words with tags and categories."""
    rng, found = random.Random(0), []
    for number in range(count):
        words = rng.choices(WORDS, k=12)
        facts = {"tags": [word[-1] for word in words], "cats": {"A": number % 2, "B": 1 - number % 2}}
        found.append(Example.from_dict(nlp.make_doc(" ".join(words)), facts))
    return found


def pipeline(component: str) -> tuple[Any, list[Any]]:
    """Return a blank pipeline with one component, and its examples."""
    nlp = spacy.blank("en")
    nlp.add_pipe(component)
    found = examples(nlp)
    nlp.initialize(lambda: found)
    return nlp, found


def medians(component: str, averages: bool) -> list[float]:
    """Return milliseconds per step of thinc's Adam and ours."""
    both = [
        Adam(0.001, L2=0.0, grad_clip=0.0, use_averages=averages),
        mx.thinc.create_optimizer("adam", {"learning_rate": 0.001}, use_averages=averages),
    ]
    sides = [(*pipeline(component), optimizer) for optimizer in both]
    times: list[list[float]] = [[], []]
    for _ in range(ROUNDS):
        for (nlp, found, optimizer), taken in zip(sides, times, strict=True):
            begin = time.perf_counter()
            nlp.update(found, sgd=optimizer)
            optimizer.step_schedules()
            taken.append((time.perf_counter() - begin) * 1e3)
    return [statistics.median(taken[20:]) for taken in times]


if __name__ == "__main__":
    for component in ("tagger", "textcat"):
        for averages in (False, True):
            theirs, ours = medians(component, averages)
            print(f"{component:8} {averages!s:6} thinc {theirs:6.2f} ms, mxcore {ours:6.2f} ms: {ours / theirs:.3f} ×")
