"""Commands of operators: runs and re-runs."""
