"""The work queue in SQL: items are claimed with a lease and a fence, renewed, and ended under that fence.

    pending --claim--> leased(fence+1) --> done | skipped | pending (back-off) | quarantined
    leased, lease over --claim--> leased (alone)

`eligible_at` is both the back-off and the end of the lease, so a claim finds lost work by itself and needs no reaper.
"""
