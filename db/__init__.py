"""LIBRARY: the SQL catalogue. No Celery, TensorFlow, boto3 or web."""
