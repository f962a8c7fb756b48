"""Findings of an inspection: their kinds, a sentence for each, and the lines that people read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

NAMED = 5  # names in a sentence, and findings of a kind in the lines, before "and N more"
KINDS = {
    "too_few": ("Too few photographs in a category", "training cannot start"),
    "one_category": ("Too few categories", "training cannot start"),
    "unreadable": ("Files that cannot be read as an image", "left out"),
    "same_in_two_categories": (
        "The same picture in two categories",
        "left out, because it is unclear which category is right",
    ),
    "same_in_two_splits": ("The same picture in two splits", "kept in one: test before validation before train"),
    "repeated": ("Identical files", "kept once"),
    "look_alike": ("Pictures that look the same", "kept, always in the same split"),
    "product_in_two_splits": (
        "One product in two splits",
        "left as the source assigns it; the measured accuracy may be too high",
    ),
    "name_with_slash": ("Unusual category names or nested folders", "used as they are; check that this is intended"),
    "same_name": ("Nearly identical category names", "treated as different categories"),
    "stray_file": ("Images outside the category folders", "not used"),
    "empty_category": ("Empty category folders", "ignored"),
}
"""Every kind, in the order of the report: what it is, and what happens to the photographs."""
STOPPING = ("too_few", "one_category")


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem: its kind, a sentence that says what happens, and the names of the photographs or categories."""

    kind: str
    sentence: str
    names: tuple[str, ...] = ()

    @property
    def stops(self) -> bool:
        """Whether it must be fixed before training."""
        return self.kind in STOPPING


def by_kind(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """Group findings by kind, in the order of KINDS; kinds without a finding are absent."""
    groups = {kind: [finding for finding in findings if finding.kind == kind] for kind in KINDS}
    return {kind: group for kind, group in groups.items() if group}


def lines(findings: Sequence[Finding]) -> Iterator[str]:
    """Describe the findings for people: each kind with its count, and its first findings."""
    for kind, group in by_kind(findings).items():
        title, outcome = KINDS[kind]
        yield f"{title} ({len(group):,}): {outcome}"
        yield from (f"  {printable(finding.sentence)}" for finding in group[:NAMED])
        if len(group) > NAMED:
            yield f"  and {len(group) - NAMED:,} more"


def enumerate_names(names: Sequence[str]) -> str:
    """Join the first names, and say how many more there are."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def printable(text: str) -> str:
    """Escape control characters: a file name may hold them, and a terminal would obey."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)
