"""Figures about runs, for people and programs to read: overviews, histories, expectations."""
