"""Many reviewers at once, each with a program, while workers classify everything again and again.

Nothing here computes beside the reviewers, who wait for answers at the same two cores: what they measure is to be the
server's time, which it also tells itself.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

from sqlalchemy import text

from bench.images import make_small
from bench.measure import peak_mb
from bench.review.client import Client, answers, decisions, reviewer
from db.session import Sessions, connect, sessions_of
from stack.processes import free_ports, temporary_folder, wait_until
from stack.topology import Topology, topology

PAUSE_S = 1.0
"""Between a reviewer's decisions."""
DECISION_MS, MEMORY_MB = 150.0, 200.0
SCREEN = 12
CATEGORIES = ("Shirt", "Dress", "Coat")


@dataclass
class Seen:
    """What the reviewers were given, and what was acknowledged."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    took: list[float] = field(default_factory=list)
    served: list[float] = field(default_factory=list)
    claims: list[float] = field(default_factory=list)
    conflicts: int = 0
    decided: dict[int, str] = field(default_factory=dict)
    given: set[int] = field(default_factory=set)
    given_twice: int = 0
    errors: list[str] = field(default_factory=list)


def measure(reviewers: int, seconds: int) -> dict[str, Any]:
    """Let so many review for so long; return how long decisions took, and what came of them."""
    with temporary_folder("bench") as folder:
        photographs = folder / "photographs"
        make_small(photographs, 100 + int(reviewers * seconds / PAUSE_S))
        settings = {"TAGGER_SOURCE": str(photographs), "TAGGER_REVIEW_BUDGET": "1.0"}
        with topology(folder, "bench", settings) as running:
            running.start("worker", "worker", "--concurrency", "2")
            running.wait_for_workers(2)
            assert running.tagger("run", str(photographs), "--json").returncode == 0
            return _measure(running, reviewers, seconds)


def _measure(running: Topology, reviewers: int, seconds: int) -> dict[str, Any]:
    port = free_ports(1)[0]
    review = running.start("review", "review", "--port", str(port))
    sessions = sessions_of(connect(running.environment["TAGGER_DATABASE_URL"], pool_size=2))
    clients = [reviewer(sessions, port, f"reviewer-{number}") for number in range(reviewers)]
    wait_until(lambda: answers(clients[0]), "the review", 60, 0.2)
    seen, ends_at = Seen(), time.monotonic() + seconds
    threads = [threading.Thread(target=_review, args=(client, seen, ends_at, n)) for n, client in enumerate(clients)]
    for thread in threads:
        thread.start()
    re_runs = 0
    while time.monotonic() < ends_at:
        done = running.tagger("reprocess", "--all", "--wait", "--why", "measured", "--json")
        re_runs += done.returncode == 0
    for thread in threads:
        thread.join()
    figures: dict[str, Any] = {
        "reviewers": reviewers,
        "seconds": seconds,
        "decisions": len(seen.took),
        "decision_ms": _shown(seen.took),
        "decision_in_server_ms": _shown(seen.served),
        "screen_ms": _shown(seen.claims),
        "conflicts": seen.conflicts,
        "re_runs": re_runs,
        "given_twice": seen.given_twice,
        "lost_or_changed": _lost(sessions, seen),
        "errors": seen.errors[:3],
        "memory_mb": round(peak_mb(review.pid) or 0.0, 1),
        "violations": running.tagger("verify").returncode,
    }
    wrong = [name for name in ("given_twice", "lost_or_changed", "errors", "violations") if figures[name]]
    slow = ["decision_ms"] if figures["decision_ms"][-1] > DECISION_MS else []
    large = ["memory_mb"] if figures["memory_mb"] > MEMORY_MB else []
    return figures | {"missed": [*wrong, *slow, *large]}


def _shown(took: Sequence[float]) -> list[float]:
    """Return the median, the 95th and the 99th percentile, to a tenth."""
    cuts = quantiles(took, n=100)
    return [round(cuts[percent - 1], 1) for percent in (50, 95, 99)]


def _review(client: Client, seen: Seen, ends_at: float, number: int) -> None:
    """Take screens and decide, one image after the other."""
    time.sleep(PAUSE_S * number / 20)
    try:
        while time.monotonic() < ends_at:
            took, screen = client.ask("POST", "/api/v1/screens", {"mode": "single", "limit": SCREEN})
            ids = {item["object_id"] for item in screen["items"]}
            with seen.lock:
                seen.claims.append(took)
                seen.given_twice += len(ids & seen.given)
                seen.given |= ids
            if not ids:
                return
            for item in screen["items"]:
                if time.monotonic() < ends_at:
                    _decide(client, seen, screen["id"], item)
    except (AssertionError, OSError) as error:
        with seen.lock:
            seen.errors.append(str(error)[:300])


def _decide(client: Client, seen: Seen, screen: int, item: dict[str, Any]) -> None:
    category = CATEGORIES[item["object_id"] % len(CATEGORIES)]
    batch = {"screen": screen, "decisions": decisions([item], category)}
    took, answer = client.ask("POST", "/api/v1/decisions", batch)
    with seen.lock:
        seen.took.append(took)
        seen.served.append(client.served_ms)
        if answer["recorded"]:
            seen.decided[item["object_id"]] = category
        seen.conflicts += len(answer.get("conflicts", ()))
    time.sleep(PAUSE_S)


def _lost(sessions: Sessions, seen: Seen) -> int:
    """Count the acknowledged decisions that are not the image's tag, and human tags that nobody here decided."""
    with sessions() as session:
        tags = session.execute(text("SELECT object_id, category FROM image_tag WHERE source = 'human'")).all()
    kept = {object_id: category for object_id, category in tags}  # noqa: C416 -- typed
    changed = [image for image, category in seen.decided.items() if kept.get(image) != category]
    return len(changed) + len(kept.keys() - seen.decided.keys())
