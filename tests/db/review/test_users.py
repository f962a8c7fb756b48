"""Users and their ways in: only hashes are kept, ended ones let nobody in, and guessing is slow."""

from __future__ import annotations

import pytest

from db.review import access, users
from db.review.users import NoSuchUser, UserRefused
from tests.db.catalogues import LONG_AGO, Catalogue


def add(catalogue: Catalogue, name: str, role: str = "reviewer", password_hash: str | None = "hash") -> int:
    with catalogue.sessions.begin() as session:
        return users.add(session, name, role, password_hash).id


def test_a_name_is_given_once_and_a_role_is_one(catalogue: Catalogue) -> None:
    add(catalogue, "amina")

    for name, role, message in (
        ("amina", "viewer", "there is a user"),
        ("juma", "king", "the roles are viewer"),
        (" x", "viewer", "is no name"),
        ("a\nb", "viewer", "is no name"),
    ):
        with pytest.raises(UserRefused, match=message):
            add(catalogue, name, role)
    with pytest.raises(NoSuchUser, match="tagger user list"), catalogue.sessions.begin() as session:
        users.find(session, "juma")


def test_a_session_lets_in_until_it_ends(catalogue: Catalogue) -> None:
    amina = add(catalogue, "amina")
    with catalogue.sessions.begin() as session:
        secret = access.open_session(session, amina, "Firefox")
        person = access.by_session(session, secret)
        assert person is not None
        assert (person.user_id, person.name, person.role, person.scopes) == (amina, "amina", "reviewer", None)
        assert [known.agent for known in access.sessions_of(session, amina)] == ["Firefox"]
        assert access.by_link(session, secret) is None
    assert catalogue.sql("SELECT id FROM user_session WHERE token_hash = :secret", secret=secret) == []

    catalogue.sql("UPDATE user_session SET expires_at = :then", then=LONG_AGO)
    with catalogue.sessions.begin() as session:
        assert access.by_session(session, secret) is None


def test_a_token_acts_with_its_scopes_until_it_ends(catalogue: Catalogue) -> None:
    amina = add(catalogue, "amina")
    with catalogue.sessions.begin() as session:
        secret = access.add_token(session, amina, ["read", "review"], days=1)
        ended = access.add_token(session, amina, ["read"], days=-1)
        person = access.by_token(session, secret)

        assert person is not None
        assert person.scopes == {"read", "review"}
        assert access.by_token(session, ended) is None
        assert access.by_token(session, "guessed") is None
    assert catalogue.sql("SELECT id FROM api_token WHERE token_hash = :secret", secret=secret) == []


def test_a_disabled_user_is_refused_in_every_way_at_once(catalogue: Catalogue) -> None:
    add(catalogue, "root", "admin")
    amina = add(catalogue, "amina")
    with catalogue.sessions.begin() as session:
        cookie, token = access.open_session(session, amina), access.add_token(session, amina, ["read"], days=1)
        users.disable(session, "amina")

        assert access.by_session(session, cookie) is None
        assert access.by_token(session, token) is None
        assert users.find_enabled(session, "amina") is None


def test_a_link_sets_a_password_once_and_ends_all_sessions(catalogue: Catalogue) -> None:
    amina = add(catalogue, "amina", "admin", None)
    with catalogue.sessions.begin() as session:
        assert not users.any_admin(session)
        earlier, link = access.open_link(session, amina), access.open_link(session, amina)
        cookie = access.open_session(session, amina)
        assert access.by_link(session, earlier) is None
        assert access.by_link(session, link) is not None

        users.set_password(session, amina, "hash")

        assert users.any_admin(session)
        assert access.by_link(session, link) is access.by_session(session, cookie) is None


def test_the_last_admin_stays(catalogue: Catalogue) -> None:
    add(catalogue, "root", "admin")

    with pytest.raises(UserRefused, match="last admin"), catalogue.sessions.begin() as session:
        users.disable(session, "root")
    with pytest.raises(UserRefused, match="last admin"), catalogue.sessions.begin() as session:
        users.set_role(session, "root", "viewer")
    add(catalogue, "amina", "admin")
    with catalogue.sessions.begin() as session:
        users.set_role(session, "root", "viewer")
        assert users.find(session, "root").role == "viewer"


def begin(catalogue: Catalogue, name: str, address: str) -> float:
    with catalogue.sessions.begin() as session:
        return access.begin_login(session, {f"name:{name}": 3, f"address:{address}": 5})


def test_failed_logins_make_the_next_wait_whether_or_not_there_is_such_a_user(catalogue: Catalogue) -> None:
    waits = [begin(catalogue, "nobody", "here") for _ in range(4)]

    assert waits[:3] == [0, 0, 0]
    assert 0 < waits[3] <= 2
    assert begin(catalogue, "nobody", "elsewhere") > 0
    assert [begin(catalogue, name, "here") for name in "ab"] == [0, 0]
    assert begin(catalogue, "c", "here") > 0  # the fifth of that address had to be its last for now


def test_each_further_failure_waits_twice_as_long_and_a_success_forgets_them(catalogue: Catalogue) -> None:
    waits = []
    for _ in range(6):
        begin(catalogue, "amina", "here")
        waits.append(begin(catalogue, "amina", "here"))
        catalogue.sql("UPDATE login_throttle SET blocked_until = :then", then=LONG_AGO)

    assert waits == sorted(waits)
    with catalogue.sessions.begin() as session:
        access.end_login(session, "name:amina", "address:here")
    assert begin(catalogue, "amina", "elsewhere") == 0
