"""What helps to decide: settled neighbours, the product's other photographs, comments, and a plan's changes."""

from __future__ import annotations

from db.operations import plan_changes, plans
from db.operations.plan_changes import Change
from db.operations.selection import Selection
from db.schema import ModelVersion
from tests.review.clients import Review, decision


def names(review: Review) -> list[str]:
    listed: list[str] = review.client.app.state.parts.categories.names()  # type: ignore[attr-defined]
    return listed


def test_neighbours_are_the_products_and_what_people_settled_the_most_similar_first(review_on_both: Review) -> None:
    review, ids = review_on_both, review_on_both.ids
    first, second = names(review)[:2]
    review.catalogue.sql("UPDATE source_object SET product_id = 'p' WHERE id IN (:a, :b)", a=ids[0], b=ids[5])
    for object_id, category in ((ids[1], first), (ids[2], first), (ids[3], second)):
        review.catalogue.decide(object_id, category)
    review.catalogue.sql(
        "UPDATE classification SET scores = '[0, 0, 9000, 1000, 0, 0, 0, 0, 0, 0]' WHERE object_id = :id", id=ids[2]
    )

    shown = review.ask("GET", f"objects/{ids[0]}/neighbours").json()

    assert [image["object_id"] for image in shown["product"]] == [ids[5]]
    settled = {group["category"]: [image["object_id"] for image in group["items"]] for group in shown["settled"]}
    assert settled == {first: [ids[1], ids[2]], second: [ids[3]]}
    assert review.ask("GET", shown["settled"][0]["items"][0]["image"]).status_code == 200
    assert review.ask("GET", "objects/999/neighbours").status_code == 404


def test_a_comment_is_kept_once_and_shown_in_the_history(review_on_both: Review) -> None:
    path = f"objects/{review_on_both.ids[0]}/comments"
    written = {"id": "c-1", "text": "<b>Is that a sleeve?</b>"}

    statuses = [review_on_both.ask("POST", path, json=written).status_code for _ in range(2)]

    assert statuses == [204, 204]
    history = review_on_both.ask("GET", f"objects/{review_on_both.ids[0]}/history").json()
    assert [(comment["by"], comment["text"]) for comment in history["comments"]] == [("a-reviewer", written["text"])]
    review_on_both.log_in()
    assert "&lt;b&gt;Is that a sleeve?" in review_on_both.client.get(f"/objects/{review_on_both.ids[0]}").text
    assert review_on_both.ask("POST", path, json=written | {"text": " "}).status_code == 422
    assert review_on_both.ask("POST", "objects/999/comments", json=written | {"id": "c-2"}).status_code == 404


def test_a_plan_is_swept_with_what_it_would_make_of_each_image(review_on_both: Review) -> None:
    review, one = review_on_both, review_on_both.ids[3]
    first = names(review)[0]
    with review.catalogue.sessions.begin() as session:
        model = session.get_one(ModelVersion, review.catalogue.model_id)
        plan = plans.begin(session, Selection(everything=True), model, requested_by="amina", newest_first=False)
        plan_changes.note(session, plan.id, [Change(one, first, "Coat", 8000)])
        code = plan.code

    screen = review.screen(plan=code)

    assert (screen["mode"], screen["category"], len(screen["items"])) == ("sweep", "Coat", 1)
    item = screen["items"][0]
    assert (item["category"], item["proposed"]) == (first, "Coat")
    assert [candidate["category"] for candidate in item["candidates"][:2]] == ["Coat", first]
    review.decide(decision(item, "Coat"), screen=screen["id"])
    assert review.tag(one) == ("Coat", None, "human", 2)
    assert review.catalogue.sql("SELECT suggested, how FROM decision") == [("Coat", "sweep")]
    assert review.screen(plan=code)["items"] == []
