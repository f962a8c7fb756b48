"""The guards of db/, worker/ and scheduler/: the change that takes each out, and the tests that must notice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """A change of one place of one file, and the tests of which one must fail with it."""

    guard: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTATIONS = (
    Mutation(
        "a write is checked by its claim's fence",
        "db/schema/lists.py",
        "    return tuple_(first, second).in_(select(*numbers))",
        "    return first.in_(select(numbers[0]))",
        ("tests/db/test_tags.py", "tests/db/test_queue.py"),
    ),
    Mutation(
        "a write is checked by the item's state",
        "db/queue/leases.py",
        '    return pair_in_list(dialect, WorkItem.id, WorkItem.fence, "claims") & (WorkItem.state == "leased")',
        '    return pair_in_list(dialect, WorkItem.id, WorkItem.fence, "claims")',
        ("tests/worker/test_tagging.py", "tests/db/test_tags.py"),
    ),
    Mutation(
        "a claim raises the fence",
        "db/queue/claims.py",
        "            fence=WorkItem.fence + 1,\n",
        "            fence=WorkItem.fence,\n",
        ("tests/db/test_queue.py",),
    ),
    Mutation(
        "two claims at once are disjoint",
        "db/queue/claims.py",
        ".order_by(*IN_TURN).limit(limit).with_for_update(skip_locked=True)",
        ".order_by(*IN_TURN).limit(limit)",
        ("tests/db/test_queue.py",),
    ),
    Mutation(
        "nothing of a paused run is claimed",
        "db/queue/turns.py",
        'HELD_RUNS = ("paused", "cancelled", "finished")',
        'HELD_RUNS = ("cancelled", "finished")',
        ("tests/db/test_queue.py",),
    ),
    Mutation(
        "leases are renewed while a chunk takes long",
        "worker/tagging.py",
        "        self._renew()\n        if ",
        "        if ",
        ("tests/worker/test_tagging.py", "tests/worker/test_renewal.py"),
    ),
    Mutation(
        "renewing puts the end of the lease off",
        "db/queue/leases.py",
        "    _set(session, ours, eligible_at=sql_now(session, lease_s))\n",
        "",
        ("tests/db/test_queue.py", "tests/worker/test_renewal.py"),
    ),
    Mutation(
        "five failures quarantine an image",
        "db/queue/leases.py",
        "    if failures < MAX_FAILURES:",
        "    if failures < MAX_FAILURES + 1:",
        ("tests/db/test_queue_failures.py",),
    ),
    Mutation(
        "three strikes quarantine an image",
        "db/queue/leases.py",
        'case((WorkItem.crashes >= MAX_CRASHES - 1, "quarantined")',
        'case((WorkItem.crashes >= MAX_CRASHES, "quarantined")',
        ("tests/worker/test_strikes.py",),
    ),
    Mutation(
        "that an outage is over is noted",
        "db/queue/throttle.py",
        ".values(strikes=0, until=at, answered_at=at)",
        ".values(strikes=Throttle.strikes)",
        ("tests/db/test_throttle.py", "tests/worker/test_outages.py"),
    ),
    Mutation(
        "a store that answers ends its outage",
        "worker/tagging.py",
        "            throttle.answered(session, answering)\n",
        "",
        ("tests/worker/test_outages.py",),
    ),
    Mutation(
        "objects are locked when results are recorded",
        "db/tags.py",
        "    return tokens.with_for_update(key_share=True)\n",
        "    return tokens\n",
        ("tests/db/test_lock_order.py",),
    ),
    Mutation(
        "a human tag is never replaced by a model's",
        "db/tags.py",
        'where=(old.source != "human") & differs if unless_human else None',
        "where=differs if unless_human else None",
        ("tests/db/test_tags.py",),
    ),
    Mutation(
        "a run's row is read anew under its lock",
        "db/runs.py",
        "with_for_update=True, populate_existing=True)",
        "with_for_update=True)",
        ("tests/db/test_runs.py",),
    ),
    Mutation(
        "of two scanners of one run one stops",
        "db/runs.py",
        '    if run.state != "scanning" or run.cursor != expected:',
        '    if run.state != "scanning":',
        ("tests/db/test_runs.py",),
    ),
    Mutation(
        "a run ends only with its items, whatever the counts say",
        "db/runs.py",
        "[run for run in candidates if not _has_open_items(session, run.id)]",
        "list(candidates)",
        ("tests/db/test_counts.py",),
    ),
    Mutation(
        "connections to PostgreSQL have time-outs",
        "db/session.py",
        '    settings = "-c statement_timeout=30s -c lock_timeout=10s',
        '    settings = "-c statement_timeout=0 -c lock_timeout=10s',
        ("tests/db/test_session.py",),
    ),
    Mutation(
        "a transaction is tried again when the database went away",
        "db/session.py",
        '        or sqlstate.startswith(("08", "57P"))',
        '        or sqlstate.startswith(("08",))',
        ("tests/db/test_session.py",),
    ),
    Mutation(
        "a transaction is tried again after a deadlock",
        "db/session.py",
        "        or sqlstate in sqlstates\n",
        "",
        ("tests/db/test_session.py",),
    ),
    Mutation(
        "a message is refused for its size before it is read",
        "worker/broker/transport.py",
        "    if len(item) > MAX_BYTES:",
        "    if len(item) > 100 * MAX_BYTES:",
        ("tests/worker/broker/test_transport.py",),
    ),
    Mutation(
        "a message that asks for a later time is refused",
        "worker/broker/transport.py",
        "    eta: None = None\n",
        "",
        ("tests/worker/broker/test_transport.py",),
    ),
    Mutation(
        "a message is validated before anything unpacks it",
        "worker/broker/transport.py",
        "        task, identity = check_doorbell(item, queue)\n",
        "        task, identity = DOORBELL, str(uuid4())\n",
        ("tests/worker/broker/test_transport.py",),
    ),
    Mutation(
        "an older listing overrules nothing",
        "scheduler/recording.py",
        "        older = objects.lock_older(session, doubtful, self.began)\n",
        "        older = doubtful\n",
        ("tests/scheduler/test_scans_at_once.py",),
    ),
    Mutation(
        "a mass removal is refused",
        "scheduler/settling.py",
        "not is_mass_removal(removed, before))",
        "True)",
        ("tests/scheduler/test_mass_removal.py",),
    ),
    Mutation(
        "of two schedulers one leads",
        "db/heartbeats.py",
        "or_(LeaderLease.holder == holder, LeaderLease.expires_at <= sql_now(session))",
        "or_(LeaderLease.holder == holder, LeaderLease.expires_at <= sql_now(session, 99))",
        ("tests/scheduler/test_service.py",),
    ),
    Mutation(
        "a scheduler that has lost the lease stops its scans",
        "scheduler/service.py",
        "                self.scans.stop()\n            reaches_catalogue",
        "                pass\n            reaches_catalogue",
        ("tests/scheduler/test_scans_stopped.py",),
    ),
    Mutation(
        "counts are folded by one process at a time",
        "db/counts.py",
        "with_for_update(skip_locked=True)",
        "with_for_update()",
        ("tests/db/test_counts.py",),
    ),
)
