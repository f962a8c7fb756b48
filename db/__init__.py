"""LIBRARY: the SQL catalogue. No Celery, TensorFlow, boto3 or web."""


class CatalogueError(Exception):
    """Base of this package's errors: each message is one line that says what to do."""
