"""Traces by OpenTelemetry: off unless OTEL_EXPORTER_OTLP_ENDPOINT names a collector."""

import os

import structlog

log = structlog.get_logger(__name__)


def telemetry_start(service: str) -> bool:
    """Begin to export traces of this process if a collector is configured; return whether it did.

    Must run before the application object is made: the instrumentation adds a middleware. Spans carry routes and
    timings; bodies, ids in addresses and callers are not recorded.

    Args:
        service: the process's role, such as `web` or `worker`.
    """
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return False
    # Imported only when used: an exporter costs memory and start-up time in every process.
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.django import DjangoInstrumentor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": f"gatehouse-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    DjangoInstrumentor().instrument(request_hook=_forget_address)
    log.info("telemetry_started", service=service)
    return True


def _forget_address(span: object, request: object) -> None:
    """Drop what would carry ids of people or items out of the house: the address with its query."""
    set_attribute = getattr(span, "set_attribute", None)
    if set_attribute is None:
        return
    for name in ("http.url", "http.target", "url.full", "url.path", "url.query", "http.client_ip", "client.address"):
        set_attribute(name, "")
