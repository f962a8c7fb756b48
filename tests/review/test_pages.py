"""The pages without scripts: what waits, one image at a time, undo, lists, histories, passwords."""

from __future__ import annotations

import re

from db.review import access, users
from tests.review.clients import PASSWORD, SAME_ORIGIN, Review

SCRIPT = "<script>alert(1)</script>"


def fields(page: str) -> dict[str, str]:
    """Return the hidden fields of a page's forms."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))


def answer(review: Review, page: str, said: str) -> str:
    """Press a button of the page for one image; returns the page that follows."""
    response = review.client.post("/one", data=fields(page) | {"answer": said}, headers=SAME_ORIGIN)
    assert response.status_code == 303, response.text
    return review.client.get(response.headers["location"]).text


def test_a_browser_without_a_session_is_led_to_the_login_and_back(review: Review) -> None:
    answer = review.client.get("/objects", headers=SAME_ORIGIN)

    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/objects")
    assert 'name="next" value="/objects"' in review.client.get(answer.headers["location"]).text


def test_the_queue_shows_what_waits_by_category_and_reason(review: Review) -> None:
    review.log_in()

    page = review.client.get("/").text

    assert "6 images wait for review" in page
    assert "low confidence" in page
    assert "60 %" in page


def test_images_are_settled_one_after_another_and_undone_without_scripts(review_on_both: Review) -> None:
    review_on_both.log_in()
    page = review_on_both.client.get("/one").text

    page = answer(review_on_both, page, "category:Dress")
    page = answer(review_on_both, page, "none:not_ours")

    assert [review_on_both.tag(object_id)[0] for object_id in review_on_both.ids[:2]] == ["Dress", ""]
    undone = review_on_both.client.post("/undo", data={"key": fields(page)["key"]}, headers=SAME_ORIGIN)
    assert undone.status_code == 404  # the key of the page's next decision is nobody's yet
    recorded = re.findall(r'name="key" value="(\w+)"><span role="status">Recorded', page)
    response = review_on_both.client.post("/undo", data={"key": recorded[0]}, headers=SAME_ORIGIN)
    assert response.headers["location"] == f"/objects/{review_on_both.ids[1]}"
    assert review_on_both.tag(review_on_both.ids[1])[1:3] == ("low_confidence", "model")


def test_pressing_twice_records_once(review: Review) -> None:
    review.log_in()
    page = review.client.get("/one").text

    for _ in range(2):
        answer(review, page, "category:Dress")

    assert review.catalogue.value("SELECT count(*) FROM decision") == 1


def test_the_end_of_the_queue_says_so(review: Review) -> None:
    review.log_in()

    assert "Nothing waits here" in review.client.get("/one?category=Coat").text


def test_an_image_is_decided_from_its_history(review: Review) -> None:
    review.log_in()
    path = f"/objects/{review.ids[0]}"

    decided = review.client.post(
        "/one", data=fields(review.client.get(path).text) | {"answer": "category:Coat"}, headers=SAME_ORIGIN
    )

    assert decided.headers["location"] == path
    page = review.client.get(path).text
    assert re.search(r"a-reviewer.*→ Coat", page, re.DOTALL)
    assert review.catalogue.sql("SELECT how, drawn FROM decision") == [("single", "search")]


def test_names_are_text_and_never_markup(review: Review) -> None:
    review.catalogue.sql("UPDATE source_object SET key = :key, product_id = :key WHERE id = 1", key=SCRIPT)
    review.catalogue.sql("UPDATE image_tag SET category = :name WHERE object_id = 1", name=SCRIPT)
    review.log_in()

    for path in ("/", "/one", "/objects", "/objects/1"):
        page = review.client.get(path, headers=SAME_ORIGIN).text
        assert "&lt;script&gt;" in page, path
        assert SCRIPT not in page


def test_viewers_see_and_do_not_decide(review: Review) -> None:
    review.log_in("a-viewer")

    assert "Start reviewing" not in review.client.get("/").text
    assert review.client.get("/one", headers=SAME_ORIGIN).status_code == 403
    assert "Decide" not in review.client.get(f"/objects/{review.ids[0]}").text


def test_a_link_sets_a_password_once_and_logs_in(review: Review) -> None:
    with review.catalogue.sessions.begin() as session:
        link = access.open_link(session, users.find(session, "a-admin").id)

    short, first, again = (
        review.client.post("/password", data={"token": link, "password": password}, headers=SAME_ORIGIN)
        for password in ("short", "some new words", "other new words")
    )

    assert (short.status_code, first.status_code, again.status_code) == (422, 303, 410)
    assert review.client.get("/account").status_code == 200
    assert review.log_in("a-admin", PASSWORD).status_code == 401
    assert review.log_in("a-admin", "some new words").status_code == 303


def test_sessions_are_listed_and_ended(review: Review) -> None:
    review.log_in(headers={"User-Agent": "Firefox"})
    review.log_in(headers={"User-Agent": "Konqueror"})
    page = review.client.get("/account").text
    assert "Firefox" in page

    review.client.post("/account/sessions/1/end", headers=SAME_ORIGIN)

    assert "Firefox" not in review.client.get("/account").text


def test_the_list_goes_on_to_the_next_page(review: Review) -> None:
    review.log_in()

    page = review.client.get(f"/objects?waiting=true&cursor=6000.{review.ids[0]}").text

    assert page.count('class="cell"') == len(review.ids) - 1


def test_no_page_loads_more_script_than_a_slow_line_has_in_a_second(review: Review) -> None:
    def loaded(name: str, known: set[str]) -> set[str]:
        source = review.client.get(f"/static/{name}").text
        for other in set(re.findall(r'from "/static/([\w.]+)"', source)) - known:
            known |= loaded(other, known | {other})
        return known | {name}

    for name in ("screen.js", "remap.js"):
        modules = loaded(name, {name})
        sizes = [len(review.client.get(f"/static/{module}").content) for module in modules]
        assert sum(sizes) <= 60_000
    assert len(loaded("screen.js", {"screen.js"})) > 10
