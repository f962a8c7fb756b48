"""What operators do to runs: look, note, pause, resume, cancel, plan, reprocess and undo."""
