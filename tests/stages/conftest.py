"""The option that writes golden numbers anew."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer it where these tests are named on the command line."""
    parser.addoption("--write-golden", action="store_true", help="keep what the stages do now as their golden numbers")
