"""Promotion of a bundle: it must run here, and must not do worse on the test than the bundle it replaces."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from db import promotions
from db.promotions import Change, Standing
from db.schema import ModelVersion
from db.session import Sessions, reading
from model.bundle import Bundle, BundleError, BundleNotFound, find, read
from model.comparison import Comparison, NotComparable, compare
from worker.bootstrap import load_classifier, taxonomy_of
from worker.bundle_lookup import register, resolve_version
from worker.settings import Settings


@dataclass(frozen=True, slots=True)
class Proposal:
    """A bundle that runs here, beside what its name stands for now.

    `unpromoted` is the other version that the name stands for as long as nothing is promoted. `detail` holds the
    figures of the comparison, or why there is none; `objection` says what is wrong with the candidate.
    """

    candidate: Bundle
    standing: Standing
    unpromoted: Bundle | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    objection: str | None = None

    @property
    def is_promoted(self) -> bool:
        """Whether the name stands for the candidate already."""
        return self.replaced == self.candidate.id

    @property
    def replaced(self) -> str | None:
        if self.standing.model is not None:
            return self.standing.model.bundle_id
        return self.unpromoted.id if self.unpromoted else None


def propose(settings: Settings, sessions: Sessions | None, candidate: Bundle) -> Proposal:
    """Compare a bundle with what its name stands for; `sessions` is None where there is no catalogue.

    Raises BundleError, or TaxonomyWrong if the taxonomy in the settings lacks some of its categories: a bundle that
    workers cannot run must not be promoted.
    """
    _check(settings, candidate)
    standing = promotions.standing_after(candidate.name, history(sessions, candidate.name))
    unpromoted = None if standing.model else _found_by_name(settings, candidate)
    proposal = Proposal(candidate, standing, unpromoted)
    return proposal if proposal.is_promoted else _compared(settings, proposal)


def promote(sessions: Sessions, proposal: Proposal, *, actor: str) -> None:
    """Record the promotion, objection or not. Raises PromotionOvertaken if the name stands for something else now."""
    standing, detail, forced = proposal.standing, proposal.detail, proposal.objection is not None
    with sessions.begin() as session:
        model = register(session, proposal.candidate)
        before = register(session, proposal.unpromoted) if proposal.unpromoted else None
        promotions.promote(session, standing, model, actor=actor, instead_of=before, forced=forced, detail=detail)


def roll_back(settings: Settings, sessions: Sessions, name: str, *, actor: str) -> tuple[ModelVersion, ModelVersion]:
    """Go back to the version before the promoted one; returns it and the one it replaces.

    Raises NothingBefore, PromotionOvertaken, and BundleError when the earlier version does not run here.
    """
    standing = promotions.standing_after(name, history(sessions, name))
    if standing.before is not None:
        try:
            _check(settings, resolve_version(standing.before, settings.bundle_folders))
        except BundleNotFound as error:
            raise BundleNotFound(
                f"{standing.before.bundle_id}, which was promoted before, is not to be found: put its folder into the "
                "one that TAGGER_BUNDLES names, or promote another version"
            ) from error
    with sessions.begin() as session:
        restored = promotions.roll_back(session, standing, actor=actor)
    assert standing.model is not None
    return restored, standing.model


def history(sessions: Sessions | None, name: str) -> Sequence[Change]:
    """List the changes of what a name stands for, the oldest first; none without a catalogue."""
    if sessions is None:
        return ()
    with reading(sessions) as session:
        return promotions.history(session, name)


def _check(settings: Settings, bundle: Bundle) -> None:
    """Let the bundle answer its golden images, with taxonomy and thresholds as the settings want them."""
    load_classifier(settings, bundle, taxonomy_of(settings))


def _found_by_name(settings: Settings, candidate: Bundle) -> Bundle | None:
    try:
        bundle = read(find(candidate.name, folders=settings.bundle_folders))
    except BundleError:
        return None
    return None if bundle.id == candidate.id else bundle


def _compared(settings: Settings, proposal: Proposal) -> Proposal:
    """Add the comparison to a proposal. At a first promotion, a missing comparison is no objection."""
    candidate, promoted = proposal.candidate, proposal.standing.model
    try:
        incumbent = resolve_version(promoted, settings.bundle_folders) if promoted else proposal.unpromoted
        if incumbent is None:
            return proposal
        comparison = compare(candidate, incumbent)
    except (NotComparable, BundleError) as error:
        objection = (
            f"{candidate.id} cannot be compared with what is promoted: {error}; look at both with "
            "`tagger model evaluate`, or train again what lacks the test"
        )
        return replace(proposal, detail={"not_compared": str(error)}, objection=objection if promoted else None)
    worse = _worse(candidate, incumbent, comparison) if comparison.is_worse else None
    return replace(proposal, detail=comparison.as_json(), objection=worse)


def _worse(candidate: Bundle, incumbent: Bundle, comparison: Comparison) -> str:
    return (
        f"{candidate.id} is worse than {incumbent.id}: {comparison.accuracy:.2%} of {comparison.images:,} test images "
        f"right, not {comparison.accuracy_before:.2%}; {comparison.only_candidate} only by the new one, "
        f"{comparison.only_incumbent} only by the other (McNemar's test, p = {comparison.p_worse:.2g})"
    )
