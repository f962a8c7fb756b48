"""Words that columns may hold: states of work and of runs, and why an image has no tag."""

OPEN_STATES = ("pending", "leased")
FINAL_STATES = ("done", "skipped", "quarantined", "cancelled")
ITEM_STATES = OPEN_STATES + FINAL_STATES
PROMOTION_ACTIONS = ("promote", "rollback")
RUN_STATES = ("planned", "scanning", "running", "paused", "finished", "cancelled", "failed")
REPROCESS, UNDO, HINTS = "reprocess", "undo", "hints"  # kinds of runs that list no source
NOTE_ACTIONS = ("opened", "paused", "resumed", "cancelled", "note")
NIGHT_NOTICES = ("absent", "late", "missed", "good", "gate", "report")
GATE_ACTIONS = ("learning", "warned", "held")
REASONS = (
    "not_found",
    "access_denied",
    "archived",
    "too_large",
    "too_many_pixels",
    "empty",
    "unsupported_format",
    "corrupt",
    "changed_during_read",
    "key_not_supported",
    "superseded",
    "store_unavailable",
    "crashed_worker",
    "too_slow",
    "internal",
)
ROLES = ("viewer", "reviewer", "operator", "admin")
PEOPLE_ACTS = (
    *("logged_in", "login_failed", "logged_out", "session_ended", "password_set", "user_added", "role_changed"),
    *("user_disabled", "token_made", "categories_given", "categories_taken", "decisions_undone"),
)
CATALOGUE_ACTS = ("images_forgotten", "labels_imported")
OTHER_ACTS = ("plan_made", "schedule_paused", "schedule_resumed", "model_promoted", "model_rolled_back")
RUN_ACTS = ("run_opened", "run_undone", "run_paused", "run_resumed", "run_cancelled", "run_noted")
OUTCOMES = ("category", "not_ours", "unreadable", "skip")
HOW = ("single", "sweep", "pair", "product", "bulk", "import", "api")
DRAWN = ("flag", "audit", "colleague", "search")
OPINIONS = ("colleague", "double")
