"""docs/operations.md, the runbook: whatever can raise an alarm has a remedy there."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from scheduler.monitoring.watchdog import EVENTS

ROOT = Path(__file__).parent.parent
RUNBOOK = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def sections() -> dict[str, str]:
    """Return the text below each heading of the third level, up to the next heading."""
    found = re.findall(r"^### ([^\n]+)\n(.*?)(?=^##|\Z)", RUNBOOK, re.MULTILINE | re.DOTALL)
    return {heading: body.strip() for heading, body in found}


def errors_of(*packages: str) -> set[str]:
    """Return the events that these packages log as errors."""
    source = [path.read_text(encoding="utf-8") for name in packages for path in sorted((ROOT / name).rglob("*.py"))]
    return {event for text in source for event in re.findall(r'\blog\.(?:error|exception)\(\s*"(\w+)"', text)}


def test_each_alert_has_a_section_that_says_what_to_do() -> None:
    groups = yaml.safe_load((ROOT / "docs" / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    alerts = [rule["alert"] for group in groups for rule in group["rules"]]

    assert [alert for alert in alerts if len(sections().get(alert, "")) < 80] == []
    assert [heading for heading in sections() if re.fullmatch(r"Tagger\w+", heading)] == alerts


def test_each_error_in_the_log_has_its_remedy() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| [\w, ]+ \| \S", sections()["Errors in the log"], re.MULTILINE)
    told = {event for row in rows for event in re.findall(r"\w+", row)}

    assert errors_of("scheduler", "worker") | set(EVENTS.values()) <= told
