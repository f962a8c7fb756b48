"""PROCESS: does the tagging; also the settings, object store and Celery app that the others use."""


class WorkerError(Exception):
    """Base of this package's errors: each message is one line that says what to do."""
