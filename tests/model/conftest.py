"""What holds for every test of the model."""

import random

import pytest


@pytest.fixture(autouse=True)
def same_chance() -> None:
    """Start every test from the same seed: Keras draws new weights from it, whatever ran before."""
    random.seed(0)
