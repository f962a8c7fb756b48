"""Clients of boto3, configured against the faults that were measured (docs/decisions.md)."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.utils import parse_timestamp

from worker.storage.s3_errors import BOTO_ERRORS, store_error
from worker.storage.s3_get import QuickGet, quick_get
from worker.storage.store import S3Options


@dataclass(frozen=True, slots=True)
class Connection:
    """A client, the process that made it, and its quick GET, if it has one. Threads share it."""

    process: int
    client: Any
    quick: QuickGet | None


def connect(options: S3Options, bucket: str) -> Connection:
    """Make a client with a session of its own, as sessions are not safe to share. Raises StoreMisconfigured."""
    try:
        session = _session()
        client = session.client(
            "s3",
            endpoint_url=options.endpoint_url,
            region_name=options.region or session.region_name or "us-east-1",
            aws_access_key_id=options.access_key_id,
            aws_secret_access_key=options.secret_access_key,
            aws_session_token=options.session_token,
            config=_config(options),
        )
        if options.requester_pays:
            client.meta.events.register("provide-client-params.s3", _paid_by_us)
        return Connection(os.getpid(), client, quick_get(client, _credentials(options, session), bucket, options))
    except BOTO_ERRORS as error:
        raise store_error(error, bucket) from error


def _paid_by_us(params: dict[str, Any], model: Any, **_: Any) -> dict[str, Any]:
    """Add to a request that we pay for it, if it can be paid for."""
    return {**params, "RequestPayer": "requester"} if "RequestPayer" in model.input_shape.members else params


def _session() -> Any:
    core = botocore.session.get_session()
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_instant)
    return boto3.session.Session(botocore_session=core)


def _instant(text: Any) -> datetime:
    """Parse a time of a listing, ISO 8601. botocore's own parser takes 80 of the 110 µs that a listed key costs."""
    try:
        parsed = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        parsed = parse_timestamp(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _credentials(options: S3Options, session: Any) -> Credentials | None:
    if options.access_key_id and options.secret_access_key:
        return Credentials(options.access_key_id, options.secret_access_key, options.session_token)
    return session.get_credentials()


def _config(options: S3Options) -> Config:
    """Configure a client. Checksums only when required: other servers refuse them, and our reads skip them anyway."""
    return Config(
        connect_timeout=options.connect_timeout_s,
        read_timeout=options.read_timeout_s,
        max_pool_connections=options.io_threads + 2,
        tcp_keepalive=True,
        retries={"mode": "standard", "total_max_attempts": 4},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if options.endpoint_url else "auto"},
        user_agent_extra="catalogue-tagger",
    )
