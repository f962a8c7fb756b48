"""PROCESS: does the tagging; also the settings, object store and Celery app that the others use."""
