"""Prometheus metrics of verdicts, named after what people ask.

The gate has its own beside it; what waits (outbox, jobs) is read from the database when somebody asks.
"""

from prometheus_client import Counter, Histogram

from moderation.detection.metrics import SECONDS

verdict_total = Counter("verdict_total", "Verdicts", ["outcome", "decided_by"])
deep_age_seconds = Histogram("deep_age_seconds", "From upload to the end of a deep stage", ["stage"], buckets=SECONDS)
