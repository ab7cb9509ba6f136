"""What several tests of the module share."""

import pytest


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder of the test's own, in which it runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
