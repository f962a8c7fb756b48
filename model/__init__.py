"""LIBRARY: photographs -> categories with calibrated confidence. No Celery, SQLAlchemy, boto3 or web."""
