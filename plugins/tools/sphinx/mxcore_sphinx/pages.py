"""The pages of the reference, one for each installed algorithm, written before Sphinx reads anything."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from mxcore import catalogue
from mxcore.catalogue.record import main_name

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["Offer", "offers", "page_name", "write_pages"]

_MARK = ".. Written by mxcore_sphinx at each build: changes are lost."
_LONGEST = 60  # characters: of a title


@attrs.frozen
class Offer:
    """One algorithm as one distribution offers it, under all of its names.

    Args:
        record: what the metadata says, under the main name.
        names: the names: the main one, and its aliases in alphabetical order.
        ambiguous: whether another distribution offers that name too.
    """

    record: catalogue.Record
    names: tuple[str, ...]
    ambiguous: bool

    @property
    def key(self) -> str:
        """What the algorithm is documented as: ``optimizer:adam``, with the distribution where that is needed."""
        name = self.record.qualified_name if self.ambiguous else self.record.name
        return f"{self.record.kind}:{name}"

    @property
    def title(self) -> str:
        """What people call the algorithm: how the summary of its distribution begins, with the name if that differs."""
        called = re.split(r"[,:;] ", self.record.summary.removesuffix(", for mxcore"), maxsplit=1)[0].strip(" .")
        if not 0 < len(called) <= _LONGEST:
            called = self.record.class_name
        title = called[:1].upper() + called[1:]
        is_named = any(_letters(name) in _letters(title) for name in self.names)
        added = [*[self.record.name] * (not is_named), *[self.record.distribution] * self.ambiguous]
        return f"{title} ({', '.join(added)})" if added else title


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))


def offers(kind: str) -> list[Offer]:
    """What is installed of a kind; nothing is imported."""
    records = catalogue.records(kind)
    grouped: dict[tuple[str, str], list[catalogue.Record]] = {}
    for record in records:
        grouped.setdefault((record.distribution, record.target), []).append(record)
    found = []
    for same in grouped.values():
        main = main_name(same[0].class_name, [record.name for record in same])
        same.sort(key=lambda record: (record.name != main, record.name))
        rivals = {other.distribution for other in records if other.name == main}
        found.append(Offer(same[0], tuple(record.name for record in same), ambiguous=len(rivals) > 1))
    return sorted(found, key=lambda offer: (offer.record.name, offer.record.distribution))


def page_name(offer: Offer) -> str:
    """The document of an algorithm, below the folder of all pages: ``optimizers/adam``."""
    kind, _, name = offer.key.partition(":")
    return f"{kind}s/" + re.sub(r"[^\w.-]", "-", name)


def write_pages(app: Sphinx) -> None:
    """Write a page for each installed algorithm, where it is not there yet, and remove those of what is gone."""
    if not app.config.mxcore_pages:
        return
    folder = Path(app.srcdir) / app.config.mxcore_pages
    wanted = {
        folder / f"{page_name(offer)}.rst": _page(offer) for kind in catalogue.ALGORITHMS for offer in offers(kind)
    }
    for file in (file for kind in catalogue.ALGORITHMS for file in (folder / f"{kind}s").glob("*.rst")):
        if file not in wanted and file.read_text("utf-8").startswith(_MARK):
            file.unlink()
    for file, text in wanted.items():
        # What is the same is left alone, so that Sphinx need not read it again.
        if not file.exists() or file.read_text("utf-8") != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")


def _page(offer: Offer) -> str:
    return f"{_MARK}\n\n{offer.title}\n{'=' * len(offer.title)}\n\n.. mxcore-algorithm:: {offer.key}\n"
