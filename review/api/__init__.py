"""The JSON API under /api/v1, for programs and for the pages' scripts."""
