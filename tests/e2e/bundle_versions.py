"""A folder of versions, and the commands that promote them, in this process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import Result
from typer.testing import CliRunner

from cli.app import app
from db import promotions
from db.promotions import Standing
from db.session import Sessions, reading
from model import bundle as library
from model.bundle import Bundle
from tests.model.versions import outcome, with_test

NAME = "fashion-mnist"


@dataclass(frozen=True)
class Shelf:
    """A folder of bundles under one name, and the commands on them."""

    folder: Path
    sessions: Sessions

    def bundle(self, name: str, wrong: range | None, **changes: Any) -> Bundle:
        """Make a version that got these of 1,000 test images wrong; None: it has kept no test."""
        tested = None if wrong is None else outcome(1000, wrong)
        return with_test(library.find(NAME), self.folder / name, tested, **changes)

    def tagger(self, *arguments: str | Path) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    def json(self, *arguments: str | Path) -> Any:
        done = self.tagger(*arguments, "--json")
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)

    def stands(self) -> Standing:
        with reading(self.sessions) as session:
            return promotions.standing(session, NAME)

    def promoted(self) -> str | None:
        model = self.stands().model
        return model.bundle_id if model else None
