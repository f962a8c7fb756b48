"""Re-runs over workers elsewhere: a plan is opened and followed, and undone."""

from __future__ import annotations

from tests.e2e.conftest import Bucket
from tests.e2e.deployment import Deployment


def test_workers_classify_a_plan_again_and_an_undo_leaves_the_export_as_it_was(
    distributed: Deployment, bucket_of_photos: Bucket
) -> None:
    distributed.start_worker(1)
    first = distributed.json("run", f"{bucket_of_photos.source}/test/")
    before = distributed.tagger("export").stdout

    plan = distributed.json("reprocess", "--all", "--dry-run")
    done = distributed.json("reprocess", "--plan", plan["plan"], "--wait", "--why", "new lamps")
    undone = distributed.json("runs", "undo", done["run"])

    assert plan["images"] == done["queued"] == done["tagged"] == first["tagged"]
    assert (undone["left_human"], undone["left_changed"]) == (0, 0)
    assert distributed.tagger("export").stdout == before
    newest, again, _ = distributed.json("runs")
    assert (newest["kind"], newest["state"], again["kind"], again["state"]) == (
        "undo",
        "finished",
        "reprocess",
        "finished",
    )
    assert distributed.clean()
