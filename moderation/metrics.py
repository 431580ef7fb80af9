"""Prometheus metrics of moderation, named after what people ask.

The gate has its own beside it; what waits (outbox, jobs) is read from the database when somebody asks.
"""

from prometheus_client import Counter, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

onpath_seconds = Histogram("onpath_seconds", "Time of one on-path detector", ["detector"], buckets=_SECONDS)
detector_missing_total = Counter("detector_missing_total", "Detectors that gave no answer", ["detector", "why"])
verdict_total = Counter("verdict_total", "Verdicts", ["outcome", "decided_by"])
deep_age_seconds = Histogram("deep_age_seconds", "From upload to the end of a deep stage", ["stage"], buckets=_SECONDS)
