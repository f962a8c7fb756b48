"""The tables of the catalogue. A row class is named after its table; "model" always means a trained network.

Confidence is an INTEGER of 1e-4 (9,731 is 0.9731), so that keyset paging and comparison are exact. Times are UTC.
"""

from db.schema.bundles import ModelPromotion, ModelVersion
from db.schema.columns import CONFIDENCE_UNIT, Base
from db.schema.people import ApiToken, ReviewClaim, User
from db.schema.processes import LeaderLease, Throttle, WorkerHeartbeat
from db.schema.tags import Classification, ImageTag, TagEvent
from db.schema.work import Run, SourceObject, WorkItem

__all__ = [
    "CONFIDENCE_UNIT",
    "ApiToken",
    "Base",
    "Classification",
    "ImageTag",
    "LeaderLease",
    "ModelPromotion",
    "ModelVersion",
    "ReviewClaim",
    "Run",
    "SourceObject",
    "TagEvent",
    "Throttle",
    "User",
    "WorkItem",
    "WorkerHeartbeat",
]
