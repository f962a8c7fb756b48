"""`tagger user` and `tagger review`, as typed."""

from __future__ import annotations

import json
import socket

import pytest
from typer.testing import CliRunner

from cli.app import app
from db.review import access
from db.session import connect, sessions_of
from review import server
from review.access.auth import log_in

pytestmark = pytest.mark.usefixtures("connections_closed")


def tagger(*words: str, typed: str | None = None, code: int = 0) -> str:
    result = CliRunner().invoke(app, words, input=typed)
    assert result.exit_code == code, result.output
    return result.output


def test_users_are_added_listed_changed_and_disabled() -> None:
    tagger("user", "add", "amina", "--role", "admin", "--password-stdin", typed="correct horse\n")
    tagger("user", "add", "juma", "--password-stdin", typed="battery staple\n")
    tagger("user", "role", "juma", "operator")
    tagger("user", "disable", "juma")

    users = json.loads(tagger("user", "list", "--json"))

    assert [(user["name"], user["role"], user["disabled_at"] is None) for user in users] == [
        ("amina", "admin", True),
        ("juma", "operator", False),
    ]
    with connect("sqlite:///tagger.db").begin() as connection:
        noted = connection.exec_driver_sql("SELECT act, about FROM act ORDER BY id").all()
    assert [tuple(row) for row in noted] == [
        *(("user_added", "amina: admin"), ("user_added", "juma: reviewer")),
        *(("role_changed", "juma: operator"), ("user_disabled", "juma")),
    ]
    assert "there is a user" in tagger("user", "add", "juma", "--password-stdin", typed="battery staple", code=3)
    assert "last admin" in tagger("user", "disable", "amina", code=3)
    assert "no user" in tagger("user", "role", "nobody", "viewer", code=3)


def test_a_password_is_set_from_standard_input_and_logs_in() -> None:
    tagger("user", "add", "amina", "--password-stdin", typed="correct horse\n")
    tagger("user", "password", "amina", "--password-stdin", typed="battery staple\n")
    engine = connect("sqlite:///tagger.db")
    sessions = sessions_of(engine)

    logins = [
        log_in(sessions, "amina", password, address="", agent="") for password in ("correct horse", "battery staple")
    ]

    assert logins[0] is None
    assert logins[1] is not None
    engine.dispose()


def test_a_short_password_is_refused_and_none_is_asked_for_without_a_terminal() -> None:
    assert "at least 8 characters" in tagger("user", "add", "amina", "--password-stdin", typed="short\n", code=2)
    assert "--password-stdin" in tagger("user", "add", "amina", code=2)


def test_a_token_is_printed_alone_and_acts_with_its_scopes() -> None:
    tagger("user", "add", "amina", "--password-stdin", typed="correct horse\n")

    token = tagger("user", "token", "amina", "--scope", "read", "--days", "1")

    engine = connect("sqlite:///tagger.db")
    with sessions_of(engine)() as session:
        person = access.by_token(session, token.strip())
    engine.dispose()
    assert person is not None
    assert (person.name, person.scopes) == ("amina", {"read"})
    assert len(token.split()) == 1
    assert "may not operate" in tagger("user", "token", "amina", "--scope", "operate", code=1)


def test_the_review_refuses_a_public_address_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    served = []

    def serve(_settings: object, _sessions: object, listening: socket.socket, **options: object) -> None:
        listening.close()
        served.append(options)

    monkeypatch.setattr(server, "serve", serve)

    for host in ("0.0.0.0", "192.168.1.5", "shop.example"):
        assert "TLS" in tagger("review", "--host", host, "--port", "0", code=2)
    assert served == []
    tagger("review", "--host", "0.0.0.0", "--port", "0", "--behind-proxy")
    assert served[0]["behind_proxy"]


def test_the_first_review_prints_a_link_until_the_admin_has_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "serve", lambda _settings, _sessions, listening, **_: listening.close())

    first = tagger("review", "--port", "0")
    assert "http://127.0.0.1:" in first
    assert "/password?token=" in first

    tagger("user", "password", "admin", "--password-stdin", typed="correct horse\n")
    assert "token" not in tagger("review", "--port", "0")


def test_a_port_that_is_taken_is_told_in_one_line() -> None:
    with server.listen("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])

        assert f"cannot listen on 127.0.0.1:{port}" in tagger("review", "--port", port, code=3)


def test_a_user_owns_categories_and_his_decisions_are_undone_from_a_time_on() -> None:
    tagger("user", "add", "amina", "--password-stdin", typed="correct horse\n")

    assert "no category" in tagger("user", "owns", "amina")
    assert "Shirt" in tagger("user", "owns", "amina", "Shirt", "Dress")
    assert "Dress" not in tagger("user", "owns", "amina", "Dress", "--no-more")
    assert "there is no category Shrit" in tagger("user", "owns", "amina", "Shrit", code=1)
    undone = json.loads(tagger("user", "undo", "amina", "--since", "2026-11-26", "--json"))
    assert undone == {"undone": 0, "conflicts": 0}
    assert "no date" in tagger("user", "undo", "amina", "--since", "yesterday", code=2)
