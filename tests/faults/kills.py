"""The faults of `make chaos`: real kills of real processes, one at a time, by a seeded schedule."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import psutil
import redis

from stack.processes import Child
from stack.topology import Topology

WORKERS = ("worker-1", "worker-2")
SCHEDULERS = ("scheduler-1", "scheduler-2")


def start(topology: Topology, name: str) -> Child:
    """Start a worker with one child, or a scheduler."""
    verb = name.partition("-")[0]
    return topology.start(name, verb, *(("--concurrency", "1") if verb == "worker" else ()))


def is_decoder(process: psutil.Process) -> bool:
    return "model.images.decoder_process" in process.cmdline()


@dataclass
class Kills:
    """What can be done to a running topology. Each fault returns when its victim runs again."""

    topology: Topology
    chance: random.Random
    lease_s: float
    deck: list[str] = field(default_factory=list)

    def one(self) -> str:
        """Do any of them, each once before any comes again; its name."""
        self.deck = self.deck or self.chance.sample(sorted(FAULTS), len(FAULTS))
        name = self.deck.pop()
        FAULTS[name](self)
        self.revive()
        return name

    def revive(self) -> None:
        """Start what ended by itself, as a supervisor does."""
        for name in (*WORKERS, *SCHEDULERS):
            if not self.topology.processes[name].alive:
                start(self.topology, name)

    def child(self) -> None:
        self._kill_one_of(lambda process: not is_decoder(process))

    def decoder(self) -> None:
        self._kill_one_of(is_decoder)

    def worker(self) -> None:
        self._kill(self.chance.choice(WORKERS))

    def both_workers(self) -> None:
        for name in WORKERS:
            self.topology.processes[name].kill()
        self._pause(0, 5)

    def scheduler(self) -> None:
        self._kill(self.chance.choice(SCHEDULERS))

    def redis(self) -> None:
        self.topology.broker.kill()
        self._pause(0, 6)
        self.topology.broker.start()

    def flushall(self) -> None:
        self._redis().flushall()

    def redis_full(self) -> None:
        self._redis().config_set("maxmemory", 1)
        self._pause(1, 10)
        self._redis().config_set("maxmemory", "64mb")

    def redis_frozen(self) -> None:
        self._freeze([self.topology.broker.pid], self.chance.uniform(2, 20))

    def postgresql(self) -> None:
        server = self.topology.database
        os.kill(server.pid, signal.SIGQUIT)  # an immediate stop: nothing is written any more
        assert server.child is not None
        server.child.wait(timeout_s=30)
        self._pause(0, 3)
        server.start()

    def worker_frozen_past_its_lease(self) -> None:
        worker = psutil.Process(self.topology.processes[self.chance.choice(WORKERS)].pid)
        self._freeze([worker.pid, *(child.pid for child in worker.children(recursive=True))], self.lease_s + 5)

    def _kill(self, name: str) -> None:
        self.topology.processes[name].kill()
        self._pause(0, 5)

    def _kill_one_of(self, wanted: Callable[[psutil.Process], bool]) -> None:
        with suppress(psutil.Error):
            worker = psutil.Process(self.topology.processes[self.chance.choice(WORKERS)].pid)
            victims = [process for process in worker.children(recursive=True) if wanted(process)]
            if victims:
                self.chance.choice(victims).kill()

    def _pause(self, least_s: float, most_s: float) -> None:
        time.sleep(self.chance.uniform(least_s, most_s))

    @staticmethod
    def _freeze(pids: list[int], seconds: float) -> None:
        for number, pause_s in ((signal.SIGSTOP, seconds), (signal.SIGCONT, 0.0)):
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            time.sleep(pause_s)

    def _redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.topology.broker.url, socket_timeout=5)


FAULTS: dict[str, Callable[[Kills], None]] = {
    fault.__name__: fault
    for fault in (
        Kills.child,
        Kills.decoder,
        Kills.worker,
        Kills.both_workers,
        Kills.scheduler,
        Kills.redis,
        Kills.flushall,
        Kills.redis_full,
        Kills.redis_frozen,
        Kills.postgresql,
        Kills.worker_frozen_past_its_lease,
    )
}
