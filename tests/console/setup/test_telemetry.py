"""Traces: off unless a collector is named, and without addresses when on."""

from __future__ import annotations

import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from console.telemetry import telemetry_start
from tests.support.places import ROOT

_CHILD = """
from opentelemetry import trace
from console.wsgi import application
from django.test import Client
from tests.support.places import ROOT
Client(HTTP_HOST="localhost").get("/livez?viewer=somebody-private")
trace.get_tracer_provider().force_flush()
"""


class _Collector(BaseHTTPRequestHandler):
    """Keeps what is sent."""

    received: list[tuple[str, bytes]] = []

    def do_POST(self) -> None:
        self.received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def test_it_stays_off_without_a_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    assert telemetry_start("web") is False


def test_it_sends_spans_without_addresses_to_the_collector_that_is_named() -> None:
    server = HTTPServer(("127.0.0.1", 0), _Collector)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        endpoint = f"http://127.0.0.1:{server.server_port}"
        environment = {
            **os.environ,
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
            "DJANGO_SETTINGS_MODULE": "console.settings",
        }
        done = subprocess.run(
            [sys.executable, "-c", _CHILD], env=environment, cwd=ROOT, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()[-2_000:]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert [path for path, _ in _Collector.received] == ["/v1/traces"]
    sent = _Collector.received[0][1]
    assert b"gatehouse-web" in sent
    assert b"livez" in sent
    assert b"somebody-private" not in sent
