"""Prometheus metrics of the on-path detectors."""

from prometheus_client import Counter, Histogram

#: Seconds, for every histogram of how long something took.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

onpath_seconds = Histogram("onpath_seconds", "Time of one on-path detector", ["detector"], buckets=SECONDS)
detector_missing_total = Counter("detector_missing_total", "Detectors that gave no answer", ["detector", "why"])
