"""What runs and workers do with a promoted bundle, a policy and a review budget, as processes of their own."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from db.session import connect
from model import bundle as library
from model.bundle import Bundle
from tests.conftest import SAMPLES
from tests.e2e.bundle_versions import NAME
from tests.e2e.deployment import Deployment, children_of
from tests.model.versions import outcome, with_test, with_validation


def test_promoting_makes_the_catalogue_of_an_installation_that_has_none(embedded: Deployment) -> None:
    before = embedded.tagger("model", "rollback")

    promoted = embedded.json("model", "promote", NAME)

    assert before.returncode == 3
    assert "there is no catalogue" in before.stderr
    assert promoted["changed"]
    assert (embedded.folder / "tagger.db").exists()
    assert embedded.json("run", SAMPLES)["tagged"] == 100


def test_runs_use_the_promoted_version_and_name_it_when_it_is_gone(embedded: Deployment, tmp_path: Path) -> None:
    embedded.settings["TAGGER_BUNDLES"] = str(tmp_path / "bundles")
    pair = trusting_and_wary(tmp_path / "bundles")
    reviews = []
    for bundle in pair:
        embedded.json("model", "promote", bundle.id)
        reviews.append(embedded.json("run", SAMPLES)["needs_review"])
    pair[1].folder.rename(tmp_path / "gone")

    refused = embedded.tagger("run", SAMPLES)
    explicit = embedded.tagger("run", SAMPLES, "--model", pair[0].id)

    assert reviews == [0, 100]
    assert refused.returncode == 3
    assert refused.stderr.startswith(f"tagger: {pair[1].id} is promoted (")
    assert refused.stderr.count("\n") == 1
    assert explicit.returncode == 0


def test_a_policy_that_a_bundle_cannot_serve_ends_a_run_in_one_line(embedded: Deployment, tmp_path: Path) -> None:
    made = with_validation(library.find(NAME), tmp_path / "made", None)
    embedded.settings |= {"TAGGER_TARGET_PRECISION": "0.95", "TAGGER_MODEL": str(made.folder)}

    for command in (["run", SAMPLES], ["model", "classify", SAMPLES / "0001.png"], ["model", "show"]):
        refused = embedded.tagger(*command)

        assert refused.returncode == 3
        assert "Traceback" not in refused.stderr
        assert "TAGGER_TARGET_PRECISION" in refused.stderr.splitlines()[-1]


def test_a_review_budget_decides_what_people_see(embedded: Deployment, tmp_path: Path) -> None:
    validated = outcome(1000, wrong=range(0, 1000, 2))
    made = with_validation(library.find(NAME), tmp_path / "made", validated, ood=None)
    embedded.settings |= {"TAGGER_MODEL": str(made.folder), "TAGGER_TARGET_PRECISION": "0.99"}
    everything = embedded.json("run", SAMPLES, "--limit", "50")
    embedded.settings["TAGGER_REVIEW_BUDGET"] = "0"

    little = embedded.json("run", SAMPLES)

    assert (everything["needs_review"], everything["tagged"]) == (50, 50)
    assert little["tagged"] == 50
    assert little["needs_review"] < 10


def trusting_and_wary(folder: Path) -> tuple[Bundle, Bundle]:
    """Two versions of which the first asks for no review, the second always does."""
    tested, shipped = outcome(100), library.find(NAME)
    return (
        with_test(shipped, folder / "trusting", tested, thresholds=(0.0,) * 10, ood=None),
        with_test(shipped, folder / "wary", tested, thresholds=(1.01,) * 10, ood=None),
    )


def test_a_worker_that_was_started_before_a_promotion_tags_with_what_is_promoted(
    distributed: Deployment, tmp_path: Path
) -> None:
    distributed.settings["TAGGER_BUNDLES"] = str(tmp_path / "bundles")
    trusting, wary = trusting_and_wary(tmp_path / "bundles")
    distributed.json("model", "promote", trusting.id)
    worker = distributed.start_worker()
    family = {child.pid for child in children_of(worker)}

    before = distributed.json("run", SAMPLES)
    distributed.json("model", "promote", wary.id)
    after = distributed.json("run", SAMPLES)
    distributed.json("model", "rollback")
    unchanged = distributed.json("run", SAMPLES)

    assert [run["tagged"] for run in (before, after, unchanged)] == [100, 100, 0]
    assert [run["needs_review"] for run in (before, after)] == [0, 100]
    assert {child.pid for child in children_of(worker)} == family
    assert made_by_model(distributed) == {(trusting.version, False, 100), (wary.version, True, 100)}
    assert distributed.clean()


def made_by_model(deployment: Deployment) -> set[tuple[str, bool, int]]:
    """Version of each item whose result was made by it, whether a review was asked for, and how many there are."""
    statement = text(
        "SELECT m.version, c.needs_review, count(*) FROM classification c"
        " JOIN work_item w ON w.id = c.work_item_id AND w.model_version_id = c.model_version_id"
        " JOIN model_version m ON m.id = w.model_version_id GROUP BY m.version, c.needs_review"
    )
    engine = connect(deployment.settings["TAGGER_DATABASE_URL"])
    with engine.connect() as connection:
        rows = {(version, review, count) for version, review, count in connection.execute(statement)}
    engine.dispose()
    return rows
