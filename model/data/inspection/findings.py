"""What is found wrong with photographs before a training: kinds, sentences for people, and lines of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

NAMED = 5  # names in a sentence, and findings of a kind in the lines, before "and N more"
KINDS = {
    "too_few": ("Too few photographs of a category", "this stops a training"),
    "one_category": ("Too few categories", "this stops a training"),
    "unreadable": ("No image", "left out"),
    "same_in_two_categories": ("One picture in two categories", "left out, as nobody knows which is right"),
    "same_in_two_splits": ("One picture in two splits", "kept in one: test before validation before train"),
    "repeated": ("The same bytes again", "kept once"),
    "look_alike": ("Pictures that look the same", "kept, always in one split"),
    "product_in_two_splits": (
        "One product in two splits",
        "left as the source says; what is measured may look too good",
    ),
    "name_with_slash": ("Names with a slash or the like", "used as they are; see that they are meant so"),
    "same_name": ("Names that are almost the same", "taken as different categories"),
    "stray_file": ("Images beside the categories' folders", "not used"),
    "empty_category": ("Folders without a file", "no photographs come of them"),
}
"""Every kind, in the order they are told in: what it is, and what becomes of it."""
STOPPING = ("too_few", "one_category")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: its kind, a sentence that says what becomes of it, and the names concerned, as far as told."""

    kind: str
    sentence: str
    names: tuple[str, ...] = ()

    @property
    def stops(self) -> bool:
        """Is there to be no training before it is mended?"""
        return self.kind in STOPPING


def in_order(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """The findings of each kind that there are any of, in the order of KINDS."""
    by_kind = {kind: [each for each in findings if each.kind == kind] for kind in KINDS}
    return {kind: there for kind, there in by_kind.items() if there}


def lines(findings: Sequence[Finding]) -> Iterator[str]:
    """For people: each kind with its number, and the first findings of it."""
    for kind, there in in_order(findings).items():
        what, outcome = KINDS[kind]
        yield f"{what} ({len(there):,}): {outcome}"
        yield from (f"  {printable(each.sentence)}" for each in there[:NAMED])
        if len(there) > NAMED:
            yield f"  and {len(there) - NAMED:,} more"


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def printable(text: str) -> str:
    """Control characters spelt out: a file's name may hold them, and a terminal would obey."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)
