"""Messages: each is sent once, by nobody who has other things to do, and what is secret in a URL stays so."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from db.reporting import gate
from scheduler.monitoring.watchdog import Watchdog
from tests.db.catalogues import Catalogue
from tests.worker.operations.good_nights import a_good_night, open_night
from tests.worker.operations.receivers import Receiver, receiver
from worker.operations import notify
from worker.operations.notify import Message, Notifier
from worker.settings import BadSettings, Settings

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # a plugin of apprise's
FORGOTTEN_S = 60.0


@pytest.fixture
def inbox() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "PAUSES_S", (0.0, 0.0))


def look(catalogue: Catalogue, settings: Settings) -> None:
    """Let a scheduler look once, and send what there is."""
    notifier = Notifier(settings, catalogue.sessions)
    Watchdog(settings, catalogue.sessions, notifier=notifier).look()
    notifier.close(FORGOTTEN_S)


def test_alerts_and_reports_are_sent_once_however_many_schedulers_look(catalogue: Catalogue, inbox: Receiver) -> None:
    a_good_night(catalogue, "2026-11-21", random.Random(1), images=256)
    held = open_night(catalogue, "2026-11-22")
    with catalogue.sessions.begin() as session:
        gate.note(session, held, "held", {"text": "the gate: all is grey"})

    for _ in range(2):
        look(catalogue, Settings(notify=SecretStr(inbox.url), schedule="off"))

    assert inbox.titles() == ["nightly:2026-11-22 is unlike the good nights", "nightly:2026-11-21 is finished"]
    alert, report = inbox.messages
    assert f"tagger runs resume {held} --accept WHY" in alert["message"]
    assert "0 without a tag" in report["message"] or "1 without a tag" in report["message"]
    page = base64.b64decode(report["attachments"][0]["base64"]).decode()
    assert report["attachments"][0]["filename"] == "nightly-2026-11-21.html"
    assert "<h1>nightly:2026-11-21</h1>" in page


def test_a_target_that_fails_is_logged_without_its_secrets_and_keeps_no_other_from_being_told(
    catalogue: Catalogue, inbox: Receiver
) -> None:
    urls = f"json://juma:secret@127.0.0.1:1/token?cto=1 {inbox.url}"

    with capture_logs() as logged:
        notify.deliver(Settings(notify=SecretStr(urls)), catalogue.sessions, Message("work stands still", "…"))

    assert inbox.titles() == ["work stands still"]
    assert [(entry["event"], entry["target"]) for entry in logged] == [
        ("notify_failed", "1 of 2 (JSON)"),
        ("notified", "2 of 2 (JSON)"),
    ]
    assert "secret" not in str(logged)
    assert "token" not in str(logged)


def test_whoever_tells_does_not_wait(catalogue: Catalogue, inbox: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "PAUSES_S", (3600.0,))
    notifier = Notifier(Settings(notify=SecretStr(inbox.url)), catalogue.sessions)

    notifier.tell([Message("one", ""), Message("two", "")])
    notifier.close(0.0)

    assert inbox.messages == []


def test_nothing_is_noted_as_sent_where_nobody_is_to_be_told(catalogue: Catalogue) -> None:
    a_good_night(catalogue, "2026-11-21", random.Random(1), images=256)

    look(catalogue, Settings(schedule="off"))

    assert catalogue.sql("SELECT night FROM night_notice WHERE notice = 'report'") == []


def test_a_url_that_apprise_cannot_read_is_named_by_its_number() -> None:
    with pytest.raises(BadSettings, match="of its 2 URLs apprise cannot read number 2") as refused:
        notify.targets("json://localhost nonsense://secret")

    assert "secret" not in str(refused.value)
