"""Fixtures that several tests share."""

import pytest


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A separate folder in which the test runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
