"""`make chaos`: everything is killed again and again while images are tagged, and nothing may come of it.

    make chaos ARGS="--minutes 20 --seed 7 --json"

Two workers and two schedulers on real servers from wheels. A shop's photographs are overwritten round after round, and
files made to harm a decoder lie between them. Exit code 1 if an image was lost or tagged twice, a person was overruled,
an invariant is broken, or the work stood still for longer than a lease and 30 s.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import psycopg
from sqlalchemy import select

from db.review.human_tags import set_human_tags
from db.schema import SourceObject
from db.session import connect, sessions_of
from stack.processes import Child, temporary_folder
from stack.topology import Topology, topology
from tests.e2e.bombs import bombs
from tests.e2e.drawn import drawings, numbered
from tests.faults import counters
from tests.faults.kills import SCHEDULERS, WORKERS, Kills, start
from tests.faults.standstill import StandStill

BUCKET = "chaos"
LEASE_S = 20.0
SETTINGS = {"TAGGER_LEASE_S": f"{LEASE_S:.0f}", "TAGGER_IMAGE_DEADLINE_S": "2"}
BETWEEN_FAULTS_S = (3.0, 12.0)
BOMBS_A_ROUND = 3
DECIDED_A_ROUND, BY_HAND = 5, "decided by hand"
SHORTEST_ROUND_S = 15.0
"""No further round begins if less is left."""
ROUND_S = 900.0
"""A round that has not ended by then has lost what is open."""


@dataclass
class Chaos:
    """A run of rounds and what came of it."""

    running: Topology
    images: int
    chance: random.Random
    kills: Kills
    stand_still: StandStill
    uploaded: dict[str, str] = field(default_factory=dict)  # good photographs: key -> ETag
    faults: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    tagged: int = 0
    decided: dict[str, str] = field(default_factory=dict)  # by people: key -> category
    overruled: list[str] = field(default_factory=list)
    bombs_at_first: int | None = None  # None: all

    def rounds(self, minutes: float) -> int:
        """Overwrite and tag all photographs, with faults until the time is over; the number of rounds."""
        self.pictures, self.bombs = drawings(), bombs()
        ends_at, number = time.monotonic() + 60 * minutes, 0
        while time.monotonic() < ends_at - SHORTEST_ROUND_S * (number > 0):
            self.upload(number)
            self.follow_a_run(ends_at)
            self.check()
            self.decide()
            number += 1
            say(f"round {number}: {self.tagged:,} tagged, {self.lost} lost, {self.faults.total()} faults{self.slow()}")
        return number

    def upload(self, number: int) -> None:
        """Overwrite every good photograph, and bring back some bombs."""
        client = self.running.store.client()
        files = {
            f"good/{n:05}.jpg": numbered(self.pictures[n % len(self.pictures)], number * self.images + n)
            for n in range(self.images)
        }

        def put(item: tuple[str, bytes]) -> tuple[str, str]:
            return item[0], client.put_object(Bucket=BUCKET, Key=item[0], Body=item[1])["ETag"].strip('"')

        with ThreadPoolExecutor(8) as pool:
            self.uploaded = dict(pool.map(put, files.items()))
        count = min(BOMBS_A_ROUND, self.bombs_at_first or BOMBS_A_ROUND) if number else self.bombs_at_first
        names = sorted(self.bombs) if count is None else self.chance.sample(sorted(self.bombs), count)
        for name in names:
            put((f"bad/{name}", self.bombs[name] + b"\0" * number))

    def follow_a_run(self, ends_at: float) -> None:
        """Let `tagger run` tag the bucket, again whenever it ends for want of a service, while things are killed."""
        began = time.monotonic()
        command = self.run()
        while time.monotonic() - began < ROUND_S:
            pause_ends = time.monotonic() + self.chance.uniform(*BETWEEN_FAULTS_S)
            while command.alive and time.monotonic() < pause_ends:
                time.sleep(0.1)
            if not command.alive:
                if command.process.returncode in (0, 1):
                    return
                command = self.run()
            if time.monotonic() < ends_at:
                fault = self.kills.one()
                self.faults[fault] += 1
                say(f"{time.monotonic() - began:.0f} s: {fault}")
            self.kills.revive()
        say(f"the round did not end: {command.tail()}")
        command.kill()

    def run(self) -> Child:
        return self.running.start("run", "run", "--json")

    def check(self) -> None:
        """Count this round's photographs without a tag for exactly these bytes, and where people were overruled."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            done = counters.tagged(connection, self.uploaded)
            self.lost += counters.left_open(connection)
            self.overruled = counters.overruled(connection, self.decided)
        missing = self.uploaded.keys() - done
        self.lost += len(missing)
        self.tagged += len(done)
        for key in sorted(missing)[:3]:
            say(f"lost: {key}")

    def decide(self) -> None:
        """Let a person decide on some photographs, which are overwritten in the next round."""
        engine = connect(self.running.environment["TAGGER_DATABASE_URL"])
        chosen = self.chance.sample(sorted(self.uploaded), min(DECIDED_A_ROUND, len(self.uploaded)))
        with sessions_of(engine).begin() as session:
            ids = select(SourceObject.id, SourceObject.key).where(SourceObject.key.in_(chosen))
            keys = dict(session.execute(ids).all())
            set_human_tags(session, dict.fromkeys(keys, BY_HAND), person="amina", why="it is one")
        engine.dispose()
        self.decided |= dict.fromkeys(keys.values(), BY_HAND)

    def slow(self) -> str:
        """Say how long the work has stood still at most, once that is longer than a lease."""
        longest_s = self.stand_still.longest_s
        return f", stood still for {longest_s:.0f} s" if longest_s > LEASE_S else ""

    def doubled(self) -> int:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return counters.doubled(connection)

    @property
    def url(self) -> str:
        return self.running.environment["TAGGER_DATABASE_URL"].replace("+psycopg", "")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--images", type=int, default=2_000, help="good photographs in the bucket")
    parser.add_argument("--bombs", type=int, help="files made to harm a decoder in the first round; default: all")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="end in one JSON line on stdout")
    options = parser.parse_args(arguments)
    with temporary_folder("chaos") as folder, topology(folder, BUCKET, SETTINGS) as running:
        for name in (*WORKERS, *SCHEDULERS):
            start(running, name)
        result = measure(running, options)
    say(json.dumps(result, indent=2))
    if options.json:
        print(json.dumps(result))
    is_good = not (result["lost"] or result["doubled"] or result["overruled"] or result["violations"])
    return 0 if is_good and result["longest_recovery_s"] <= LEASE_S + 30 else 1


def measure(running: Topology, options: argparse.Namespace) -> dict[str, Any]:
    """Let chaos reign, and return what came of it."""
    chance = random.Random(options.seed)
    kills = Kills(running, chance, LEASE_S)
    with StandStill(running.environment["TAGGER_DATABASE_URL"]) as stand_still:
        chaos = Chaos(running, options.images, chance, kills, stand_still, bombs_at_first=options.bombs)
        rounds = chaos.rounds(options.minutes)
    violations = json.loads(running.tagger("verify", "--json").stdout)["violations"]
    for violation in violations[:5]:
        say(str(violation))
    return {
        "images": chaos.tagged,
        "faults": chaos.faults.total(),
        "lost": chaos.lost,
        "doubled": chaos.doubled(),
        "overruled": len(chaos.overruled),
        "longest_recovery_s": round(stand_still.longest_s, 1),
        "lease_s": LEASE_S,
        "violations": len(violations),
        "rounds": rounds,
        "seed": options.seed,
        "by_fault": dict(sorted(chaos.faults.items())),
    }


def say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
