"""From a network's scores to a category, a confidence and a reason for review."""
