"""SeaweedFS, the object store."""

import json
import signal
import socket
import sys
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stack.processes import free_ports, remove_at_the_end
from stack.servers.base import Server


class Seaweed(Server):
    """SeaweedFS's S3 server, with one identity that may do everything."""

    name = "seaweed"
    last_wish = signal.SIGKILL  # a clean end waits 15 s for its own streams
    access_key_id = "tagger"
    secret_access_key = "not-a-secret"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.master, self.volume, self.filer, self.port = free_ports(4)
        self._sockets = [Path(f"/tmp/seaweedfs-{part}-grpc-{port + 10_000}.sock") for part, port in self._ports()]
        for path in self._sockets:  # where it puts them cannot be chosen
            remove_at_the_end(path)
        self.url = f"http://127.0.0.1:{self.port}"
        credentials = [{"accessKey": self.access_key_id, "secretKey": self.secret_access_key}]
        identity = {"name": "tagger", "credentials": credentials, "actions": ["Admin"]}
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))

    def client(self) -> Any:
        """Return the boto3 client of this server: one, as making it costs more than most calls."""
        return self._client

    @cached_property
    def _client(self) -> Any:
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            config=Config(retries={"total_max_attempts": 2}, s3={"addressing_style": "path"}),
        )

    def new_bucket(self) -> str:
        """Create a bucket and return its name, which nobody else uses."""
        name = f"photos-{uuid4().hex[:8]}"
        self.client().create_bucket(Bucket=name)
        return name

    def environment(self) -> dict[str, str]:
        """Return the TAGGER_S3_* variables for it."""
        return {
            "TAGGER_S3_ENDPOINT_URL": self.url,
            "TAGGER_S3_REGION": "us-east-1",
            "TAGGER_S3_ACCESS_KEY_ID": self.access_key_id,
            "TAGGER_S3_SECRET_ACCESS_KEY": self.secret_access_key,
        }

    def command(self) -> list[str | Path]:
        options: dict[str, object] = {f"{part}.port": port for part, port in self._ports()}
        options |= {f"{part}.port.grpc": port + 10_000 for part, port in self._ports()}
        options |= {
            "dir": self.folder,
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "s3.config": self.folder / "s3.json",
            "s3.localSocket": "s3.sock",  # relative to its folder: a longer path may not fit into a socket address
            "filer.localSocket": "filer.sock",
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "master.telemetry": "false",
            "master.volumeSizeLimitMB": 256,
            "master.electionTimeout": "1s",
            "volume.max": 2000,  # a bucket takes seven
            "volume.preStopSeconds": 0,
        }
        weed = Path(sys.executable).with_name("weed")
        return [weed, "server", "-s3", *(f"-{name}={value}" for name, value in options.items())]

    def ready(self) -> bool:
        """Return whether it takes a write: the S3 port answers a second before there is a volume to write to."""
        if not self._listens():
            return False
        client = self.client()
        try:
            with suppress(client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou):
                client.create_bucket(Bucket="ready")
            client.put_object(Bucket="ready", Key="ready", Body=b"ready")
        except (BotoCoreError, ClientError):
            return False
        return True

    def _ports(self) -> list[tuple[str, int]]:
        return [("master", self.master), ("volume", self.volume), ("filer", self.filer), ("s3", self.port)]

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True
