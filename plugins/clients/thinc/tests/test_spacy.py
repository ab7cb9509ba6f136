"""spaCy trains pipelines from configurations that name optimizers of mxcore; real trainings of blank pipelines."""

import io
import random
from pathlib import Path
from typing import Any

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from thinc.api import Config

COLOURS, SIZES = ("red", "green", "blue"), ("big", "small", "old", "new", "fast")
NOUNS, VERBS = ("cat", "dog", "car", "tree"), ("runs", "sleeps", "falls")
ADAM = {"@optimizers": "Adam.v1", "learn_rate": 0.005}
WARM_UP = {"@schedules": "warmup_linear.v1", "initial_rate": 0.01, "warmup_steps": 5, "total_steps": 200}
OURS: dict[str, dict[str, Any]] = {
    "adam": {"name": "adam", "arguments": {"learning_rate": 0.005}},
    "lion": {"name": "lion", "arguments": {"learning_rate": 0.001}},
    "adamw with a group": {
        "name": "adamw",
        "arguments": {"learning_rate": 0.005, "wd": 0.01, "groups": [[".*b", {"wd": 0}]]},
    },
    "averages": {"name": "adam", "use_averages": True, "arguments": {"learning_rate": 0.005}},
    "schedule-free": {"name": "schedulefreeadamw", "arguments": {"learning_rate": 0.01}},
    "a wrapper with thinc's schedule": {"name": "lookahead(adam, k=5)", "arguments": {"learning_rate": WARM_UP}},
    "clipping by the norm": {"name": "adam", "arguments": {"learning_rate": 0.005, "clip_global_norm": 1.0}},
}
SCORES = {"textcat": "cats_score", "tagger": "tag_acc"}
COMPONENTS: dict[str, Any] = {
    "textcat": {
        "model": {
            "@architectures": "spacy.TextCatBOW.v3", "exclusive_classes": True, "ngram_size": 1,
            "no_output_layer": False, "length": 1000,
        }
    },
    "tagger": {},
}  # fmt: skip


def documents(count: int, seed: int) -> DocBin:
    """Return sentences like "red big cat runs", with tags, and categories that depend on whether there is a colour."""
    rng, nlp, found = random.Random(seed), spacy.blank("en"), DocBin(store_user_data=True)
    for _ in range(count):
        is_colour = rng.random() < 0.5
        words = [rng.choice(COLOURS if is_colour else SIZES), rng.choice(SIZES), rng.choice(NOUNS), rng.choice(VERBS)]
        doc = Doc(nlp.vocab, words, tags=["ADJ", "ADJ", "NOUN", "VERB"])
        doc.cats = {"COLOUR": float(is_colour), "OTHER": float(not is_colour)}
        found.add(doc)
    return found


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    documents(200, 1).to_disk(folder / "train.spacy")
    documents(60, 2).to_disk(folder / "dev.spacy")
    return folder


def trained(component: str, optimizer: dict[str, Any], corpus: Path) -> float:
    """Return the score of a pipeline after a training from a configuration."""
    base = spacy.blank("en")
    base.add_pipe(component, config=COMPONENTS[component])
    config = Config().from_str(base.config.to_str(), interpolate=False)
    config["paths"] |= {"train": str(corpus / "train.spacy"), "dev": str(corpus / "dev.spacy")}
    config["training"] |= {"max_steps": 30, "eval_frequency": 30, "optimizer": optimizer}
    config["training"]["score_weights"] = {SCORES[component]: 1.0}
    out = io.StringIO()
    nlp, _ = train(init_nlp(config), None, stdout=out, stderr=out)
    golden = DocBin().from_disk(corpus / "dev.spacy").get_docs(nlp.vocab)
    return float(nlp.evaluate([Example(nlp.make_doc(doc.text), doc) for doc in golden])[SCORES[component]])


@pytest.fixture(scope="module", params=COMPONENTS)
def wanted(request: pytest.FixtureRequest, corpus: Path) -> tuple[str, float]:
    """A component, and the score that thinc's Adam reaches."""
    return request.param, trained(request.param, ADAM, corpus)


@pytest.mark.parametrize("ours", OURS.values(), ids=OURS)
def test_a_configuration_trains_as_with_thincs_adam(
    ours: dict[str, Any], wanted: tuple[str, float], corpus: Path
) -> None:
    component, score = wanted
    assert score > 0.95
    assert trained(component, {"@optimizers": "mxcore.v1", **ours}, corpus) >= score - 0.02
