"""Events as object stores send them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus


def record(key: str, *, bucket: str = "photos", name: str = "ObjectCreated:Put") -> dict[str, Any]:
    """Make a record as S3 writes it: blanks in keys are pluses."""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": name,
        "s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key, safe="/"), "size": 7, "eTag": "0a"}},
    }


def event(*keys: str, **more: str) -> str:
    return json.dumps({"Records": [record(key, **more) for key in keys]})


def from_sns(message: str) -> str:
    return json.dumps({"Type": "Notification", "TopicArn": "arn:aws:sns:eu-central-1:1:photos", "Message": message})


def from_eventbridge(key: str, *, kind: str = "Object Created") -> str:
    """Make an event of EventBridge, which leaves keys as they are."""
    detail = {"bucket": {"name": "photos"}, "object": {"key": key, "size": 7}}
    return json.dumps({"version": "0", "detail-type": kind, "source": "aws.s3", "detail": detail})
