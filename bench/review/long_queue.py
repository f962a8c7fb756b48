"""Screens, decisions and pages where very many images wait: at the start, in the middle and at the end of the queue."""

import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from bench.catalogue_rows import Sizes, fill
from bench.review.client import Client, answers, decisions, in_browser, reviewer
from db import migrations
from db.session import Sessions, connect, engine_of, sessions_of
from stack.processes import free_ports, spawn, temporary_folder, wait_until
from stack.servers import postgres
from stack.topology import TAGGER, environment_without_tagger

SCREEN, TIMES = 48, 30
CLAIM_MS, SAVE_MS, PAGE_MS, START_S = 30.0, 60.0, 50.0, 2.0
LEFT = 2_000
"""What waits at the end of the queue."""
PAGES = (
    *(
        "/",
        "/dashboard",
        "/screen",
        "/one",
        "/objects",
        "/objects?category=Shirt",
        "/objects?category=Shirt&waiting=true",
    ),
    *("/objects?waiting=true", "/objects?cursor=0.{half}", "/objects/{half}", "/api/v1/objects/{half}/history"),
    *("/api/v1/objects/{half}/neighbours", "/api/v1/status", "/runs", "/runs/1", "/runs/1/cancel", "/plans/new"),
    *("/plans/{plan}", "/sessions", "/quality", "/account", "/try", "/log"),
)
VIEWS: dict[str, dict[str, Any]] = {
    "all": {"mode": "single"},
    "category": {"mode": "sweep", "category": "Shirt"},
    "reason": {"mode": "single", "reason": "low_confidence"},
    "prefix": {"mode": "single", "prefix": "0007/"},
    "pair": {"mode": "pair", "pair": ["Shirt", "T-shirt/top"]},
    "category_reason": {"mode": "sweep", "category": "Shirt", "reason": "low_confidence"},
    "other_reason": {"mode": "single", "reason": "unlike_training"},
    "day": {"mode": "single", "age": "day"},
    "week": {"mode": "single", "age": "week"},
    "older": {"mode": "single", "age": "older"},
    "one_product": {"mode": "single", "product": "p200000"},
    "products": {"mode": "product", "limit": SCREEN // 4},
    "looked_through": {"mode": "sweep", "category": "Shirt", "unflagged": True},
    "proposed": {},
}
"""Of a day, and of another reason, none waits."""
_SETTLE = (
    "UPDATE image_tag SET needs_review = false, review_reason = NULL WHERE object_id IN"
    " (SELECT object_id FROM image_tag WHERE needs_review ORDER BY confidence, object_id"
    " LIMIT (SELECT greatest(0, count(*) - :left) FROM image_tag WHERE needs_review))"
)


def measure(images: int) -> dict[str, Any]:
    """Fill a catalogue with so many images that wait, and ask a review for screens and pages; milliseconds."""
    with postgres() as server, temporary_folder("bench") as folder:
        url = server.new_database()
        engine = connect(url, pool_size=2)
        migrations.upgrade(engine)
        fill(url, Sizes(images, waits=False, all_flagged=True), lambda line: print(line, file=sys.stderr))
        port = free_ports(1)[0]
        environment = environment_without_tagger() | {"TAGGER_DATABASE_URL": url}
        began = time.monotonic()
        child = spawn([TAGGER, "review", "--port", str(port)], folder / "review.log", env=environment, cwd=folder)
        wait_until(lambda: answers(Client(port, {})), "the review", 60, 0.01)
        start = {"start_s": round(time.monotonic() - began, 2)}
        sessions = sessions_of(engine)
        asking, looking = reviewer(sessions, port, "programme"), in_browser(sessions, port, "amina", "admin")
        try:
            return _measured(sessions, asking, looking, images, start)
        finally:
            child.stop()
            engine.dispose()


def _measured(
    sessions: Sessions, asking: Client, looking: Client, images: int, start: dict[str, float]
) -> dict[str, Any]:
    figures: dict[str, Any] = {"images": images, **start}
    figures["first_claim"] = round(asking.ask("POST", "/api/v1/screens", {"mode": "single", "limit": 1})[0], 1)
    _, plan = looking.ask("POST", "/api/v1/plans", {"prefixes": ["0007/"]})
    pages = [page.format(half=images // 2, plan=plan["plan"]) for page in PAGES]
    for name, left in (("start", images), ("middle", images // 2), ("end", LEFT)):
        _settle(sessions, left)
        times = TIMES if name != "end" else 10
        figures[f"claim_{name}"] = {view: _claims(asking, wanted, times) for view, wanted in VIEWS.items()}
        if name != "end":
            figures[f"save_{name}"] = _saves(asking)
            figures[f"pages_{name}"] = {page: _page(looking, page) for page in pages}
    return figures | {"missed": [*_missed(figures)]}


def _claims(client: Client, wanted: dict[str, Any], times: int) -> list[float]:
    """Claim screens and keep them, so that each is another one; the median and the 95th percentile."""
    took, screens = [], []
    for _ in range(times):
        milliseconds, screen = client.ask("POST", "/api/v1/screens", {"limit": SCREEN} | wanted)
        took.append(milliseconds)
        screens.append(screen["id"])
    for id in filter(None, screens):
        client.ask("DELETE", f"/api/v1/screens/{id}")
    return _figures(took)


def _saves(client: Client) -> list[float]:
    took = []
    for _ in range(TIMES):
        _, screen = client.ask("POST", "/api/v1/screens", VIEWS["all"] | {"limit": SCREEN})
        items = [item for item in screen["items"] if item["category"]]
        batch = {"screen": screen["id"], "decisions": decisions(items)}
        milliseconds, answer = client.ask("POST", "/api/v1/decisions", batch)
        assert answer["recorded"] == len(items), answer
        took.append(milliseconds)
    return _figures(took)


def _page(client: Client, path: str) -> list[float]:
    client.ask("GET", path)  # what is kept for a while is found at the first request
    return _figures([client.ask("GET", path)[0] for _ in range(10)])


def _figures(took: Sequence[float]) -> list[float]:
    return [round(statistics.median(took), 1), round(statistics.quantiles(took, n=20)[-1], 1)]


def _settle(sessions: Sessions, left: int) -> None:
    """Let the least certain be settled until so many are left."""
    with sessions.begin() as session:
        session.execute(text("SET LOCAL statement_timeout = 0"))
        session.execute(text(_SETTLE), {"left": left})
    with engine_of(sessions).connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM (ANALYZE) image_tag"))


def _missed(figures: dict[str, Any]) -> list[str]:
    """Return what is over its target, by its 95th percentile."""
    limits = {"claim": CLAIM_MS, "pages": PAGE_MS}
    over = []
    for name, measured in figures.items():
        limit = limits.get(name.split("_")[0])
        if limit is not None:
            over += [f"{name} {view}: {p95} ms" for view, (_, p95) in measured.items() if p95 > limit]
        elif name == "start_s" and measured > START_S:
            over.append(f"{name}: {measured} s")
        elif name.startswith("save") and measured[1] > SAVE_MS:
            over.append(f"{name}: {measured[1]} ms")
    return over
