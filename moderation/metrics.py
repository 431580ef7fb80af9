"""Prometheus metrics of moderation, named after what people ask."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

onpath_seconds = Histogram("onpath_seconds", "Time of one on-path detector", ["detector"], buckets=_SECONDS)
detector_missing_total = Counter("detector_missing_total", "Detectors that gave no answer", ["detector", "why"])
verdict_total = Counter("verdict_total", "Verdicts", ["outcome", "decided_by"])
gate_age_seconds = Gauge("gate_age_seconds", "Age of the gate's view of clearances", multiprocess_mode="max")
revocation_seconds = Histogram("revocation_seconds", "From a revoking commit to the gate knowing", buckets=_SECONDS)
job_age_seconds = Gauge("job_age_seconds", "Age of the oldest open job", ["queue"], multiprocess_mode="max")
deep_age_seconds = Histogram("deep_age_seconds", "From upload to the end of a deep stage", ["stage"], buckets=_SECONDS)
outbox_lag_seconds = Gauge("outbox_lag_seconds", "Age of the oldest unfinished promise", multiprocess_mode="max")
dead_letters = Gauge("dead_letters", "Messages that failed for good", multiprocess_mode="max")
