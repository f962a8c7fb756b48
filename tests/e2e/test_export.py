"""`tagger export` into files of three formats."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from tests.e2e.deployment import Deployment


def test_export_writes_whole_files_in_three_formats(embedded: Deployment, folder: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    embedded.json("run", folder)

    for name in ("csv", "jsonl", "parquet"):
        done = embedded.tagger("export", "--format", name, "-o", tmp_path / f"tags.{name}")
        assert done.returncode == 0, done.stderr

    with (tmp_path / "tags.csv").open(newline="") as file:
        from_csv = list(csv.DictReader(file))
    from_jsonl = [json.loads(line) for line in (tmp_path / "tags.jsonl").read_text().splitlines()]
    from_parquet = pq.read_table(tmp_path / "tags.parquet").to_pylist()
    assert len(from_csv) == len(from_jsonl) == len(from_parquet) == 10
    assert from_jsonl == from_parquet
    assert list(from_csv[0]) == [
        "bucket",
        "key",
        "product_id",
        "category",
        "confidence",
        "needs_review",
        "review_reason",
        "source",
        "model",
        "tagged_at",
    ]
    assert from_csv[0]["key"] == from_jsonl[0]["key"] == "a/0.jpg"
