"""Large pictures wait for each other; small ones do not wait for nothing."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock

from model.images.memory import MemoryBudget


def test_no_more_pixels_are_held_at_once_than_the_budget_has() -> None:
    budget, lock = MemoryBudget(100), Lock()
    held, most = 0, 0

    def decode_one(pixels: int) -> None:
        nonlocal held, most
        with budget.lease() as reserve:
            reserve(pixels)
            with lock:
                held += pixels
                most = max(most, held)
            with lock:
                held -= pixels

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decode_one, [40, 60, 25, 90, 10] * 40))

    assert 0 < most <= 100


def test_a_picture_waits_until_there_is_room() -> None:
    budget, second_has_room = MemoryBudget(100), Event()

    def second() -> None:
        with budget.lease() as reserve:
            reserve(50)
            second_has_room.set()

    with ThreadPoolExecutor(1) as pool:
        with budget.lease() as reserve:
            reserve(80)
            waiting = pool.submit(second)
            assert not second_has_room.wait(0.1)
        waiting.result(timeout=5)

    assert second_has_room.is_set()


def test_a_picture_larger_than_the_budget_gets_through_alone() -> None:
    budget = MemoryBudget(100)

    with budget.lease() as reserve:
        reserve(1_000)
    with budget.lease() as reserve:
        reserve(100)
