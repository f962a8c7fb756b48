"""Mails by SMTP: the morning report arrives with its page, once a night at most, whoever is killed meanwhile."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from db.session import sessions_of
from stack.processes import wait_until
from stack.servers import Valkey
from tests.commands.forked import TAGGER, Forked
from tests.db.catalogues import Catalogue, a_catalogue
from tests.worker.operations.good_nights import a_good_night
from tests.worker.operations.mailbox import Mailbox, mailbox
from tests.worker.operations.test_notify import look
from worker.settings import Settings

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # a plugin of apprise's


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as found:
        yield found


@pytest.fixture
def night(sqlite_engine: Engine) -> Catalogue:
    """Return a catalogue with a night that is finished and of which nobody has been told."""
    catalogue = a_catalogue(sessions_of(sqlite_engine))
    a_good_night(catalogue, "2026-11-21", random.Random(1), images=256)
    return catalogue


def settings_of(box: Mailbox) -> Settings:
    return Settings(notify=SecretStr(box.url), schedule="off")


def test_the_report_of_a_night_is_a_mail_with_its_page(night: Catalogue, box: Mailbox) -> None:
    for _ in range(2):
        look(night, settings_of(box))

    [mail] = box.mails
    assert (box.senders, box.recipients) == (["night@shop.example"], [["juma@shop.example"]])
    assert mail["Subject"] == "nightly:2026-11-21 is finished"
    text, page = (part for part in mail.walk() if not part.is_multipart())
    assert "for review" in text.get_content()
    assert (page.get_content_type(), page.get_filename()) == ("text/html", "nightly-2026-11-21.html")
    html = page.get_content()
    assert html.startswith("<!doctype html>")
    assert "<h1>nightly:2026-11-21</h1>" in html
    assert html.rstrip().endswith("</html>")


@pytest.mark.parametrize(
    ("stage", "mails"), [("DATA", 1), ("EHLO", 0)], ids=["as the mail was taken", "before it was sent"]
)
def test_a_scheduler_killed_as_it_sends_brings_no_second_mail(
    stage: str, mails: int, night: Catalogue, box: Mailbox, sqlite_engine: Engine, valkey_server: Valkey
) -> None:
    environment = {
        "TAGGER_DATABASE_URL": str(sqlite_engine.url),
        "TAGGER_BROKER_URL": valkey_server.url,
        "TAGGER_NOTIFY": box.url,
        "TAGGER_SCHEDULE": "off",
    }
    with Forked([TAGGER, "scheduler"], env=os.environ | environment, stderr=subprocess.DEVNULL) as scheduler:
        box.at[stage] = scheduler.kill
        wait_until(lambda: scheduler.poll() is not None, "the scheduler to be killed", 120)

    for _ in range(2):  # others take over
        look(night, settings_of(box))

    assert box.at == {}
    assert len(box.mails) == mails
