"""Single sign-on: who the provider names gets in, with the role its claims say; nobody else does."""

from __future__ import annotations

import json
import warnings
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from db.review import users
from review.access.oidc import COOKIE
from review.app import create_app
from tests.review.clients import SAME_ORIGIN, Review
from worker.settings import BadSettings, Settings, load

CLAIMS = {
    "amina": {"preferred_username": "amina", "groups": ["photo-team", "everybody"]},
    "boss": {"preferred_username": "boss", "groups": ["photo-team", "owners"]},
    "guest": {"preferred_username": "guest", "groups": ["visitors"]},
    "nested": {"preferred_username": "nested", "realm_access": {"roles": ["owners"]}},
    "thief": {"preferred_username": "a-admin", "groups": ["photo-team"]},
    "nameless": {"groups": ["photo-team"]},
}
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the provider uses old parts of Authlib
ROLES = {"photo-team": "reviewer", "owners": "admin"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    import authlib.deprecate  # noqa: F401 -- which lets its warnings through whatever is said before

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import oidc_provider_mock
    people = [oidc_provider_mock.User(sub=sub, claims=claims) for sub, claims in CLAIMS.items()]
    with oidc_provider_mock.run_server_in_thread(user_claims=people, require_nonce=True) as server:
        yield f"http://localhost:{server.server_port}"


def settings(review: Review, issuer: str, **more: object) -> Settings:
    given = {"oidc_issuer": issuer, "oidc_client_id": "review", "oidc_client_secret": "s", "oidc_roles": ROLES}
    return Settings.model_validate(given | {"image_cache": review.folder / "cache"} | more)


@pytest.fixture
def browser(review: Review, issuer: str) -> Iterator[TestClient]:
    yield from opened(review, settings(review, issuer))


def opened(review: Review, settings: Settings) -> Iterator[TestClient]:
    app = create_app(settings, review.catalogue.sessions)
    with TestClient(app, follow_redirects=False, raise_server_exceptions=False) as client:
        yield client


def at_provider(browser: TestClient, sub: str, path: str = "/") -> str:
    """Begin a login and let the provider name somebody; returns where it sends the browser."""
    asked = browser.get(f"/oidc/login?next={path}").headers["location"]
    return str(httpx2.post(asked, data={"sub": sub}).headers["location"])


def comes_back(browser: TestClient, sub: str, path: str = "/") -> Response:
    answer: Response = browser.get(at_provider(browser, sub, path), headers={"Accept": "text/html"})
    return answer


def role(review: Review, name: str) -> str:
    with review.catalogue.sessions() as session:
        return users.find(session, name).role


def test_who_the_provider_names_is_made_a_user_and_logged_in(review: Review, browser: TestClient) -> None:
    assert "/oidc/login?next=/objects" in browser.get("/login?next=/objects").text

    answer = comes_back(browser, "amina", "/objects")

    assert (answer.status_code, answer.headers["location"]) == (303, "/objects")
    assert browser.get("/objects").status_code == 200
    assert role(review, "amina") == "reviewer"
    assert comes_back(browser, "amina").status_code == 303
    assert review.catalogue.value("SELECT count(*) FROM \"user\" WHERE name = 'amina'") == 1


def test_the_highest_role_of_the_claim_counts_and_each_login_brings_it_up_to_date(
    review: Review, browser: TestClient
) -> None:
    comes_back(browser, "boss")
    assert role(review, "boss") == "admin"
    review.catalogue.sql("UPDATE \"user\" SET role = 'viewer' WHERE name = 'boss'")

    comes_back(browser, "boss")

    assert role(review, "boss") == "admin"


def test_a_role_lies_deeper_in_the_claims_and_everybody_has_one(review: Review, issuer: str) -> None:
    more = {"oidc_role_claim": "realm_access.roles", "oidc_roles": {"owners": "operator", "*": "viewer"}}
    for browser in opened(review, settings(review, issuer, **more)):
        for name in ("nested", "guest"):
            assert comes_back(browser, name).status_code == 303

    assert (role(review, "nested"), role(review, "guest")) == ("operator", "viewer")


@pytest.mark.parametrize(
    ("sub", "status"),
    [("guest", 403), ("thief", 403), ("nameless", 400)],
    ids=["no group of theirs has a role", "the name is that of somebody with a password", "there is no name"],
)
def test_nobody_else_gets_in(review: Review, browser: TestClient, sub: str, status: int) -> None:
    answer = comes_back(browser, sub)

    assert answer.status_code == status
    assert browser.get("/objects").status_code == 401
    assert review.catalogue.value('SELECT count(*) FROM "user"') == 4


def test_a_disabled_user_stays_out(review: Review, browser: TestClient) -> None:
    comes_back(browser, "amina")
    with review.catalogue.sessions.begin() as session:
        users.disable(session, "amina")

    answer = comes_back(browser, "amina")

    assert answer.status_code == 403
    assert browser.get("/objects").status_code == 401


def test_a_login_is_asked_for_with_pkce_state_and_nonce(browser: TestClient, issuer: str) -> None:
    asked = urlsplit(browser.get("/oidc/login").headers["location"])

    query = parse_qs(asked.query)
    assert f"{asked.scheme}://{asked.netloc}" == issuer
    assert (query["code_challenge_method"], query["response_type"]) == (["S256"], ["code"])
    assert min(len(query[name][0]) for name in ("code_challenge", "state", "nonce")) >= 20


def changed(cookie: str, name: str) -> str:
    session = json.loads(urlsafe_b64decode(cookie))
    state = next(key for key in session if key.startswith("_state"))
    session[state]["data"][name] = "another"
    return urlsafe_b64encode(json.dumps(session).encode()).decode()


@pytest.mark.parametrize("wrong", ["state", "nonce", "browser", "garbage", "refused", "twice"])
def test_an_answer_that_was_not_asked_for_logs_nobody_in(browser: TestClient, wrong: str) -> None:
    address = at_provider(browser, "amina")
    if wrong == "state":
        address = address.replace("state=", "state=other")
    elif wrong == "nonce":
        cookie = changed(browser.cookies[COOKIE], "nonce")
        browser.cookies.clear()
        browser.cookies.set(COOKIE, cookie)
    elif wrong == "refused":
        address = "/oidc/callback?error=access_denied&error_description=%3Cscript%3E"
    elif wrong == "twice":
        begun = browser.cookies[COOKIE]
        assert browser.get(address).status_code == 303
        browser.cookies.clear()
        browser.cookies.set(COOKIE, begun)
    else:
        browser.cookies.clear()
        browser.cookies.set(COOKIE, "%%%") if wrong == "garbage" else None

    answer = browser.get(address, headers={"Accept": "text/html"})

    assert answer.status_code == 400
    assert "<script>" not in answer.text
    assert "tagger_session" not in browser.cookies


def test_a_login_leads_to_no_other_site(browser: TestClient) -> None:
    assert comes_back(browser, "amina", "//evil.example").headers["location"] == "/"


def test_a_provider_that_is_away_is_said(review: Review) -> None:
    for browser in opened(review, settings(review, "http://localhost:9")):
        answer = browser.get("/oidc/login", headers=SAME_ORIGIN)

    assert answer.status_code == 503
    assert "single sign-on does not answer" in answer.text


def test_without_a_provider_there_is_none(review: Review) -> None:
    assert "/oidc" not in review.client.get("/login").text
    assert review.client.get("/oidc/login").status_code == 404
    assert review.client.get("/oidc/callback").status_code == 404


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"oidc_issuer": "http://sso.example"}, "https://"),
        ({"oidc_issuer": "https://sso.example"}, "TAGGER_OIDC_CLIENT_ID"),
        ({"oidc_issuer": "https://sso.example", "oidc_client_id": "a"}, "TAGGER_OIDC_ROLES"),
        ({"oidc_roles": {"a": "king"}}, "TAGGER_OIDC_ROLES"),
    ],
)
def test_settings_that_let_nobody_in_are_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(BadSettings, match=message):
        load(**given)
