"""A boto3 client of this process, configured against the faults that were measured (docs/decisions.md)."""

import os
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.credentials import Credentials

from worker.s3_errors import BOTO_ERRORS, store_error
from worker.s3_get import QuickGet, quick_get
from worker.storage import S3Options


@dataclass(frozen=True, slots=True)
class Connection:
    """A client, the process that made it, and its quick way to GET, if there is one. Threads share it."""

    process: int
    client: Any
    quick: QuickGet | None


def connect(options: S3Options, bucket: str) -> Connection:
    """Made by a Session of its own: sessions are not safe to share. Raises StoreMisconfigured."""
    try:
        session = boto3.session.Session()
        client = session.client(
            "s3",
            endpoint_url=options.endpoint_url,
            region_name=options.region or session.region_name or "us-east-1",
            aws_access_key_id=options.access_key_id,
            aws_secret_access_key=options.secret_access_key,
            config=_config(options),
        )
        return Connection(os.getpid(), client, quick_get(client, _credentials(options, session), bucket))
    except BOTO_ERRORS as error:
        raise store_error(error, bucket) from error


def _credentials(options: S3Options, session: Any) -> Credentials | None:
    if options.access_key_id and options.secret_access_key:
        return Credentials(options.access_key_id, options.secret_access_key)
    return session.get_credentials()


def _config(options: S3Options) -> Config:
    """Checksums only when required: others than AWS refuse them, and bodies are read past boto3's check anyway."""
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
