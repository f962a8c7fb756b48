"""The dashboard: its figures, kept fresh behind the requests, what is wrong, and its charts."""
