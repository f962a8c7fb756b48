"""LIBRARY: photographs -> categories with calibrated confidence. No Celery, SQLAlchemy, boto3 or web."""


class ModelError(Exception):
    """Base of the package's errors that the user can fix; the message says how.

    It is defined here, in the package itself, because model.images and model.decisions, the lowest floor, may not
    import each other and both raise it.
    """
