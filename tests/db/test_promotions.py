"""The history of what a name stands for: one line, whoever writes it, and each step of it can be gone back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from db import promotions, runs
from db.promotions import Change, NothingBefore, PromotionOvertaken, Standing
from db.schema import ModelVersion
from db.session import Sessions, in_transaction, reading
from tests.db.catalogues import Catalogue


def version(sessions: Sessions, number: int, name: str = "net") -> ModelVersion:
    with sessions.begin() as session:
        return runs.register_model(session, name, str(number))


def stands(sessions: Sessions, name: str = "net") -> Standing:
    with reading(sessions) as session:
        return promotions.standing(session, name)


def promote(sessions: Sessions, number: int, *, name: str = "net", instead_of: ModelVersion | None = None) -> None:
    """As a person who has looked just before."""
    model, seen = version(sessions, number, name), stands(sessions, name)
    with sessions.begin() as session:
        promotions.promote(session, seen, model, actor="person:amina", instead_of=instead_of)


def roll_back(sessions: Sessions) -> str:
    seen = stands(sessions)
    with sessions.begin() as session:
        return promotions.roll_back(session, seen, actor="person:bo").version


def history(sessions: Sessions) -> list[Change]:
    with reading(sessions) as session:
        return promotions.history(session, "net")


def promoted(sessions: Sessions) -> dict[str, str]:
    with reading(sessions) as session:
        return {name: model.version for name, model in promotions.promoted(session).items()}


def test_a_name_stands_for_what_was_promoted_last(catalogue: Catalogue) -> None:
    before = promoted(catalogue.sessions)
    promote(catalogue.sessions, 2)
    promote(catalogue.sessions, 3)
    promote(catalogue.sessions, 7, name="shoes")

    assert before == {}
    assert promoted(catalogue.sessions) == {"net": "3", "shoes": "7"}
    assert stands(catalogue.sessions).seq == 2
    assert stands(catalogue.sessions, "hats").model is None


def test_a_promotion_keeps_who_when_what_it_replaced_and_the_figures(catalogue: Catalogue) -> None:
    promote(catalogue.sessions, 2)
    model, seen = version(catalogue.sessions, 3), stands(catalogue.sessions)

    with catalogue.sessions.begin() as session:
        promotions.promote(session, seen, model, actor="person:bo", forced=True, detail={"p_worse": 0.01})

    first, second = history(catalogue.sessions)
    assert (first.seq, first.action, first.actor, first.replaced, first.forced) == (
        1,
        "promote",
        "person:amina",
        None,
        False,
    )
    assert (second.seq, second.model.version, second.forced, second.detail) == (2, "3", True, {"p_worse": 0.01})
    assert second.replaced is not None
    assert second.replaced.version == "2"
    assert second.at >= first.at
    assert second.at.tzinfo is not None


def test_rollbacks_go_back_step_by_step_and_are_kept_too(catalogue: Catalogue) -> None:
    for number in (2, 3, 4):
        promote(catalogue.sessions, number)

    back = [roll_back(catalogue.sessions), roll_back(catalogue.sessions)]

    assert back == ["3", "2"]
    assert promoted(catalogue.sessions) == {"net": "2"}
    assert [change.action for change in history(catalogue.sessions)] == ["promote"] * 3 + ["rollback"] * 2


def test_a_rollback_after_a_promotion_that_followed_one_skips_what_was_taken_back(catalogue: Catalogue) -> None:
    promote(catalogue.sessions, 2)
    promote(catalogue.sessions, 3)
    roll_back(catalogue.sessions)
    promote(catalogue.sessions, 4)

    assert roll_back(catalogue.sessions) == "2"


def test_the_first_promotion_can_be_taken_back_to_what_the_name_stood_for(catalogue: Catalogue) -> None:
    model = version(catalogue.sessions, 1)
    promote(catalogue.sessions, 2, instead_of=model)

    assert roll_back(catalogue.sessions) == "1"
    with pytest.raises(NothingBefore, match="nothing was promoted before"):
        roll_back(catalogue.sessions)


def test_without_anything_before_a_rollback_changes_nothing(catalogue: Catalogue) -> None:
    with pytest.raises(NothingBefore, match="net: nothing is promoted; name a version with"):
        roll_back(catalogue.sessions)
    promote(catalogue.sessions, 2)
    with pytest.raises(NothingBefore, match="tagger model promote"):
        roll_back(catalogue.sessions)

    assert promoted(catalogue.sessions) == {"net": "2"}
    assert len(history(catalogue.sessions)) == 1


def test_who_looked_before_another_promoted_is_told_and_writes_nothing(catalogue: Catalogue) -> None:
    promote(catalogue.sessions, 2)
    promote(catalogue.sessions, 3)
    mine, seen = version(catalogue.sessions, 4), stands(catalogue.sessions)
    promote(catalogue.sessions, 5)

    with pytest.raises(PromotionOvertaken, match="tagger model show net"), catalogue.sessions.begin() as session:
        promotions.promote(session, seen, mine, actor="person:bo")
    with pytest.raises(PromotionOvertaken), catalogue.sessions.begin() as session:
        promotions.roll_back(session, seen, actor="person:bo")

    assert promoted(catalogue.sessions) == {"net": "5"}
    assert len(history(catalogue.sessions)) == 3


def test_of_people_who_promote_at_once_one_wins_and_the_history_is_one_chain(catalogue: Catalogue) -> None:
    people, rounds = 4, 5
    models = [version(catalogue.sessions, number) for number in range(people)]
    together = Barrier(people)

    def decide(person: int) -> int:
        won = 0
        for _ in range(rounds):
            seen = stands(catalogue.sessions)
            together.wait(30)  # all of them have seen the same
            try:
                with catalogue.sessions.begin() as session:
                    promotions.promote(session, seen, models[person], actor=f"person:{person}")
                won += 1
            except PromotionOvertaken:
                pass
            together.wait(30)
        return won

    with ThreadPoolExecutor(people) as pool:
        won = sum(pool.map(decide, range(people)))

    changes = history(catalogue.sessions)
    assert won == len(changes) == rounds
    assert [change.seq for change in changes] == list(range(1, rounds + 1))
    assert all(
        later.replaced is not None and later.replaced.id == earlier.model.id for earlier, later in pairwise(changes)
    )


def test_promoting_leaves_the_commit_to_the_caller(catalogue: Catalogue) -> None:
    model, seen = version(catalogue.sessions, 2), stands(catalogue.sessions)

    with catalogue.sessions() as session:
        promotions.promote(session, seen, model, actor="person:amina")
        session.rollback()

    assert history(catalogue.sessions) == []


def test_the_database_itself_refuses_an_unknown_action(catalogue: Catalogue) -> None:
    promote(catalogue.sessions, 2)

    with pytest.raises(IntegrityError):
        in_transaction(
            catalogue.sessions, lambda session: session.execute(text("UPDATE model_promotion SET action = 'x'"))
        )
