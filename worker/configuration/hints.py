"""Settings of the hints of new images."""

import re
from importlib.util import find_spec

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

LEAST_SECRET = 16
_TOPIC = re.compile(r"arn:(aws|aws-cn|aws-us-gov):sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}")


class HintSettings(BaseSettings):
    """Where events of the object store come from."""

    events_queue_url: str | None = Field(
        None, description="The URL of an SQS queue of S3 events, whose new images are tagged at once; unset: none."
    )
    events_endpoint_url: str | None = Field(None, description="The queue's server, where its URL does not name it.")
    events_region: str | None = Field(None, description="The queue's region, where its URL does not name it.")
    events_secret: SecretStr | None = Field(
        None, description="What senders of S3 events to TAGGER_EVENTS_PORT must know, 16 characters or more."
    )
    events_port: int | None = Field(
        None, ge=1, le=65535, description="Where a scheduler takes S3 events by HTTP, at /events; unset: nowhere."
    )
    events_topic_arn: str | None = Field(
        None, description="The SNS topic that posts to TAGGER_EVENTS_PORT; its messages have to be signed."
    )

    @field_validator("events_queue_url", "events_endpoint_url")
    @classmethod
    def _is_a_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("it is no http:// or https:// URL; a queue's URL is shown beside its ARN")
        return value

    @field_validator("events_secret")
    @classmethod
    def _is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value().strip()) < LEAST_SECRET:
            raise ValueError(f"it is shorter than {LEAST_SECRET} characters; make one with: openssl rand -hex 32")
        return value

    @field_validator("events_port")
    @classmethod
    def _has_a_secret(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is not None and info.data.get("events_secret") is None:
            raise ValueError("whoever reaches it could send events; set TAGGER_EVENTS_SECRET, too")
        return value

    @field_validator("events_topic_arn")
    @classmethod
    def _can_be_checked(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        if not _TOPIC.fullmatch(value):
            raise ValueError("it is no ARN of an SNS topic, as arn:aws:sns:eu-central-1:123456789012:photos")
        if info.data.get("events_port") is None:
            raise ValueError("a topic posts to TAGGER_EVENTS_PORT; set that, too")
        if find_spec("cryptography") is None:
            raise ValueError(
                "cryptography checks its signatures and is not installed: pip install 'catalogue-tagger[sns]'"
            )
        return value
