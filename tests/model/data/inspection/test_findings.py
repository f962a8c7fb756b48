"""Findings as lines for people."""

from model.data.inspection.findings import NAMED, Finding, lines


def test_lines_name_a_few_and_count_the_rest() -> None:
    findings = [Finding("stray_file", f"{number}.jpg lies outside") for number in range(NAMED + 3)]

    text = list(lines(findings))

    assert text[0] == f"Images outside the category folders ({NAMED + 3}): not used"
    assert text[1:] == [*(f"  {number}.jpg lies outside" for number in range(NAMED)), "  and 3 more"]
