"""What importing odl does to NumPy's printing ends with its page."""

from collections.abc import Iterator

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _printing() -> Iterator[None]:
    with np.printoptions():
        yield
