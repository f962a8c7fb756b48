"""PROCESS: decides what is tagged and when (discovery, runs, doorbells)."""
