"""A Sphinx extension that documents algorithms: those of one project, or whatever is installed.

``extensions = ["mxcore_sphinx"]`` in ``conf.py`` gives four directives, in reStructuredText and in MyST alike:

.. code-block:: rst

    .. mxcore-algorithm:: optimizer:adam

    .. mxcore-catalogue:: optimizers

    .. mxcore-schedule::

        cosine:max_update=500,warmup_steps=50
        multifactor:step=[200, 400],factor=0.1

    .. mxcore-path:: rosenbrock
        :steps: 300

        adam:learning_rate=0.1
        sgd:learning_rate=0.001,momentum=0.9

``mxcore-algorithm`` documents one algorithm, by the name that ``mxcore show`` takes: signature, formula,
hyper-parameters with defaults and checks, a picture, state, errors, its code, its source, and the distribution that it
comes from, all from the class itself. One that cannot be imported is shown as broken, with the cause, and the build
goes on.
``mxcore-catalogue`` lists what is installed of a kind, from metadata alone. The other two draw what ``mxcore plot``
draws, and take what it takes, one algorithm in each line; ``:alt:`` replaces the description of the picture.

The role ``:mxcore:algorithm:`optimizer:adam``` links to where an algorithm is documented.

With ``mxcore_pages = "reference"`` every build writes one page for each installed algorithm into
``reference/optimizers``, ``reference/initializers`` and ``reference/lr_schedulers``, which belong into ``.gitignore``;
the catalogue of a kind is then also the table of contents of its pages. So a plugin that is installed beside the
documentation appears in it, and one that is uninstalled is gone.

Two more settings add links at the top of an algorithm's page: ``mxcore_guides``, a dict of the document that is the
guide of a kind, such as ``{"optimizer": "guides/choosing"}``, and ``mxcore_source``, the address below which the files
of your repository can be read; the folder of the documentation must be at the repository's top. The source of a class
that is not in your repository is the one that its distribution names.

Sphinx and matplotlib come with the extra ``mxcore[docs]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mxcore
from mxcore_sphinx.algorithm import AlgorithmDirective
from mxcore_sphinx.domain import MxcoreDomain, leave_core_unlinked
from mxcore_sphinx.listing import CatalogueDirective, Listing, fill_listings
from mxcore_sphinx.pages import write_pages
from mxcore_sphinx.pictures import PathDirective, ScheduleDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

__all__ = ["setup"]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Take part in a build; Sphinx calls this."""
    app.setup_extension("sphinx.ext.napoleon")
    app.add_config_value("mxcore_pages", "", "env", types=(str,))
    app.add_config_value("mxcore_guides", {}, "env", types=(dict,))
    app.add_config_value("mxcore_source", "", "env", types=(str,))
    app.add_domain(MxcoreDomain)
    app.add_node(Listing)
    app.add_directive("mxcore-algorithm", AlgorithmDirective)
    app.add_directive("mxcore-catalogue", CatalogueDirective)
    app.add_directive("mxcore-schedule", ScheduleDirective)
    app.add_directive("mxcore-path", PathDirective)
    app.connect("builder-inited", write_pages)
    app.connect("doctree-resolved", fill_listings)
    app.connect("missing-reference", leave_core_unlinked, priority=900)  # after intersphinx, in any order of extensions
    return {"version": mxcore.__version__, "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
