"""Pictures of photographs: how many a second at first and again, the bytes of a screen, memory with many reviewers."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil

from bench.measure import Sampler
from bench.review.client import Client, in_browser
from bench.review.desk import Desk, open_desk

IMAGES, REVIEWERS, SCREEN, AT_ONCE = 1_200, 20, 48, 2
FIRST_A_SECOND, AGAIN_A_SECOND = 100, 400
SCREEN_KB, MEMORY_MB = 600, 200


def measure() -> dict[str, Any]:
    """Ask a review for pictures; pictures a second are by the seconds that its process computed, so of one core."""
    with open_desk(IMAGES) as desk, Sampler({"review": desk.pid}) as sampler:
        clients = [in_browser(desk.sessions, desk.port, f"reviewer-{number}") for number in range(REVIEWERS)]
        ids = desk.ids[: IMAGES // 2]
        figures = {
            "first": _pictures(desk, clients, ids),
            "again": _pictures(desk, clients, ids),
            "large": _pictures(desk, clients, ids[:50], "large"),
            "screen_kb": _screens(clients),
        }
    figures["memory_mb"] = round(sampler.usage()["review"].peak_mb, 1)
    return figures | {"missed": _missed(figures)}


def _pictures(desk: Desk, clients: Sequence[Client], ids: Sequence[int], size: str = "small") -> dict[str, float]:
    """Ask for a picture of each image, two at once, each by the next of the clients, as one alone is slowed down."""
    process = psutil.Process(desk.pid)
    shares = [(clients[number::AT_ONCE], ids[number::AT_ONCE]) for number in range(AT_ONCE)]

    def ask(share: tuple[Sequence[Client], Sequence[int]]) -> None:
        for place, id in enumerate(share[1]):
            share[0][place % len(share[0])].ask("GET", f"/images/{id}/{size}")

    before, began = process.cpu_times(), time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(ask, shares))
    took, after = time.perf_counter() - began, process.cpu_times()
    cpu_s = after.user + after.system - before.user - before.system
    return {"a_second_and_core": round(len(ids) / cpu_s, 1), "a_second": round(len(ids) / took, 1)}


def _screens(clients: Sequence[Client]) -> float:
    """Let all reviewers open a screen with its pictures at once; return the kB of the largest."""

    def opened(client: Client) -> int:
        _, screen = client.ask("POST", "/api/v1/screens", {"mode": "sweep", "limit": SCREEN})
        return sum(len(client.ask("GET", item["image"])[1]) for item in screen["items"])

    with ThreadPoolExecutor(len(clients)) as pool:
        return round(max(pool.map(opened, clients)) / 1000, 1)


def _missed(figures: dict[str, Any]) -> list[str]:
    over = [name for name, limit in (("screen_kb", SCREEN_KB), ("memory_mb", MEMORY_MB)) if figures[name] > limit]
    limits = (("first", FIRST_A_SECOND), ("again", AGAIN_A_SECOND))
    return [*over, *[name for name, limit in limits if figures[name]["a_second_and_core"] < limit]]
