"""A training that cannot fit is refused before it begins."""

from pathlib import Path

import pytest

from model.data.dataset import Dataset
from model.training import memory, networks
from model.training.loop import train
from model.training.memory import MemoryShort
from model.training.recipe import Recipe


def test_a_training_without_memory_enough_is_refused_before_it_begins(
    small_data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 300_000_000)

    with pytest.raises(MemoryShort, match=r"0\.3 GB are free"):
        train(small_data, 10, Recipe(epochs=1), checkpoint=tmp_path / "checkpoint.npz")

    assert list(tmp_path.iterdir()) == []


def test_where_nothing_tells_how_much_there_is_training_goes_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: None)

    memory.check(networks.build("strided", size=28, channels=1, categories=10), 128, 43_000_000)


def test_a_larger_batch_needs_more() -> None:
    model = networks.build("strided", size=28, channels=1, categories=10)

    small, large = (memory.needed_bytes(model, batch, 43_000_000) for batch in (128, 1024))

    assert 1e9 < small < large < 4e9
