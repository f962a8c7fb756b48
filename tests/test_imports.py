"""What may be loaded where: TensorFlow nowhere but in training, and nothing heavy for `tagger --help`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


def modules_after(code: str) -> set[str]:
    """Return the names of the modules that a fresh interpreter has loaded after `code`."""
    report = "; import sys; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def loaded_by(code: str) -> set[str]:
    """Return the top-level packages among them."""
    return {name.partition(".")[0] for name in modules_after(code)}


@pytest.mark.parametrize(
    "code",
    [
        "import cli.app",
        "import scheduler.service, worker.service, worker.tasks",
        "import review.server",
        "import cli.tagging.run, cli.tagging.follow, cli.catalogue, cli.processes, cli.doctor",
        "from model.classifier import Classifier; from model import bundle;"
        "Classifier.load(bundle.find('fashion-mnist'))",
    ],
)
def test_only_training_loads_tensorflow(code: str) -> None:
    assert not loaded_by(code) & {"tensorflow", "keras", "sklearn", "matplotlib"}


def test_help_loads_neither_celery_nor_sql_nor_arrays() -> None:
    assert not loaded_by("import cli.app") & {"celery", "sqlalchemy", "boto3", "numpy", "PIL", "pydantic"}


def test_a_bundle_is_found_and_read_without_arrays_or_pictures() -> None:
    code = "from model import bundle; bundle.read(bundle.find('fashion-mnist')); import worker.watching.watched"

    assert not loaded_by(code) & {"numpy", "PIL"}


@pytest.mark.parametrize(
    "code",
    [
        "import scheduler.service, cli.processes",
        "import cli.tagging.run, scheduler.discovery, worker.run_requests, worker.bootstrap",
        "import cli.operations.status, cli.operations.failures, cli.operations.runs, worker.watching.watched",
    ],
    ids=["the scheduler", "a scan", "looking"],
)
def test_what_tags_nothing_loads_neither_arrays_nor_pictures(code: str) -> None:
    assert not loaded_by(code) & {"numpy", "PIL", "ai_edge_litert"}


def test_a_scan_of_a_folder_loads_no_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGGER_DATABASE_URL", f"sqlite:///{tmp_path}/catalogue.db")
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    (photographs / "shirt.jpg").write_bytes(b"photo")

    report = modules_after(f"from cli.app import app; app(['scan', '{photographs}'], standalone_mode=False)")

    assert {"new", "scheduler.discovery"} <= report
    assert not {"numpy", "PIL"} & report


def test_the_review_listens_before_it_loads_arrays_pictures_a_store_or_what_first_requests_need() -> None:
    modules = modules_after("import cli.review, cli.context, review.server; from review.app import create_app")
    loaded = {name.partition(".")[0] for name in modules}

    assert not loaded & {"numpy", "PIL", "alembic", "boto3", "celery", "ai_edge_litert", "limits"}
    assert "babel.messages" not in modules


def test_the_catalogue_loads_no_celery_boto3_or_tensorflow() -> None:
    assert not loaded_by("import db.catalogue, db.queue.claims, db.runs, db.invariants, db.objects") & {
        "celery",
        "boto3",
        "tensorflow",
        "redis",
    }


def test_tagging_loads_nothing_of_training_evaluation_or_data() -> None:
    loaded = modules_after("import worker.tagging")

    assert not [name for name in loaded if name.startswith(("model.training", "model.evaluation", "model.data"))]


def test_a_new_catalogue_and_one_at_head_are_opened_without_alembic(tmp_path: Path) -> None:
    code = f"from db import migrations, session; engine = session.connect('sqlite:///{tmp_path}/catalogue.db');"
    code += "migrations.upgrade(engine); migrations.upgrade(engine); migrations.check(engine)"

    assert "alembic" not in loaded_by(code)
