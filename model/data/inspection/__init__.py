"""A folder or table of labelled photographs, checked before a training."""
