"""Proposals, and a market small enough to read."""

from __future__ import annotations

import pytest

from framework.testkit import RuleBench


@pytest.fixture(scope="session")
def propose():
    return RuleBench().propose


@pytest.fixture
def bench():
    return RuleBench()
