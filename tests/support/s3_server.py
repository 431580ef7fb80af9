"""A real server that speaks S3, in a process of its own, and Django pointed at it."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
from pytest_django import Settings

BUCKET = "gatehouse-media"
_CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
_START_SECONDS = 120


@dataclass(frozen=True)
class S3:
    """Where it answers."""

    url: str

    def held(self) -> list[str]:
        """Return what the bucket holds."""
        found = self.client().list_objects_v2(Bucket=BUCKET)
        return [entry["Key"] for entry in found.get("Contents", [])]

    def client(self) -> Any:
        """Return a client of it."""
        return boto3.client("s3", endpoint_url=self.url, region_name="us-east-1", **_CREDENTIALS)


@contextmanager
def s3_server(folder: Path) -> Iterator[S3]:
    """Run the server with an empty bucket until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (folder / "s3.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log
        )
        try:
            server = S3(f"http://127.0.0.1:{port}")
            _wait(server, process, folder / "s3.log")
            server.client().create_bucket(Bucket=BUCKET)
            yield server
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait(server: S3, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(server.url, timeout=5)
            return
        except httpx.TransportError:
            time.sleep(0.2)
    raise RuntimeError(f"The S3 server did not start: {log.read_text(errors='replace')[-1_000:]}")


def media_in(server: S3, settings: Settings) -> None:
    """Keep media in the bucket for one test, as MEDIA_BACKEND=s3 does."""
    options = {
        "bucket_name": BUCKET, "endpoint_url": server.url, "region_name": "us-east-1", "access_key": "test",
        "secret_key": "test", "querystring_auth": True, "file_overwrite": True, "addressing_style": "path",
        "signature_version": "s3v4",
    }  # fmt: skip
    settings.MEDIA_BACKEND = "s3"
    settings.STORAGES = {
        **settings.STORAGES, "default": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options},
    }  # fmt: skip
