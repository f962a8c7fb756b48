"""Large pictures come from the bucket itself where the settings say so; every act is logged with who did it."""

from __future__ import annotations

import socket
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from review.app import create_app
from review.server import listen
from tests.review.clients import SAME_ORIGIN, Review, decision
from worker.settings import Settings

STORE = "http://127.0.0.1:9"


def signing(review: Review, **more: object) -> TestClient:
    given = {"source": "s3://shop/photos", "s3_endpoint_url": STORE, "image_cache": review.folder / "cache"}
    keys = {"s3_access_key_id": "a", "s3_secret_access_key": "b", "s3_region": "us-east-1"}
    app = create_app(Settings.model_validate(given | keys | more), review.catalogue.sessions)
    client = TestClient(app, follow_redirects=False, raise_server_exceptions=False)
    client.headers["Authorization"] = f"Bearer {review.tokens['viewer']}"
    return client


def test_a_large_picture_comes_from_the_bucket_for_a_short_time(review: Review) -> None:
    review.catalogue.sql("UPDATE source_object SET bucket = 'shop', key = 'photos/a.jpg' WHERE id = 1")
    client = signing(review, image_links_s=60)

    answer = client.get("/images/1/large")

    address = urlsplit(answer.headers["location"])
    assert (answer.status_code, f"{address.scheme}://{address.netloc}") == (307, STORE)
    assert address.path == "/shop/photos/a.jpg"
    assert int(parse_qs(address.query)["Expires"][0]) - time.time() <= 60
    assert answer.headers["cache-control"] == "private, max-age=30"
    assert f"img-src 'self' {STORE};" in answer.headers["content-security-policy"]


def test_small_pictures_and_those_of_folders_come_through_the_review(review: Review) -> None:
    client = signing(review, image_links_s=60)

    assert client.get("/images/1/small").headers["content-type"] == "image/webp"
    assert client.get("/images/1/large").headers["content-type"] == "image/webp"


@pytest.mark.parametrize("more", [{}, {"image_links_s": 60, "source": "/photos"}], ids=["unset", "a folder"])
def test_without_the_setting_or_a_bucket_no_other_origin_is_allowed(review: Review, more: dict[str, object]) -> None:
    client = signing(review, **more)

    assert "img-src 'self';" in client.get("/images/1/large").headers["content-security-policy"]


def test_each_act_is_logged_with_who_did_it_and_how_it_ended(review: Review) -> None:
    (item,) = review.screen(limit=1)["items"]

    with capture_logs() as logs:
        review.decide(decision(item))
        review.ask("POST", "runs/1/pause", role="viewer")
        review.ask("GET", "objects")
        review.log_in("a-operator")
        review.client.post("/account/sessions/1/end", headers=SAME_ORIGIN)

    acts = [(act["user"], act["method"], act["path"], act["status"]) for act in logs if act["event"] == "acted"]
    assert acts == [
        ("a-reviewer", "POST", "/api/v1/decisions", 200),
        ("a-viewer", "POST", "/api/v1/runs/1/pause", 403),
        ("a-operator", "POST", "/account/sessions/1/end", 303),
    ]
    assert [entry["user"] for entry in logs if entry["event"] == "logged_in"] == ["a-operator"]


def test_no_answer_waits_for_the_acknowledgement_of_its_head() -> None:
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
