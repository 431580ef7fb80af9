"""What the feed counts for operators."""

from prometheus_client import Counter, Histogram

FEED_RUNG = Counter("feed_rung", "Slates by how far the feed had to step down", ["rung"])
FEED_REMOVED = Counter("feed_removed", "Candidates removed, by filter or by the gate's reason", ["filter"])
FEED_SECONDS = Histogram(
    "feed_seconds",
    "Time to make a slate",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 1.0),
)
FEED_STAGE_FAILED = Counter("feed_stage_failed", "Components that failed or were late", ["component", "why"])
FEED_EVENTS = Counter("feed_events", "Events received", ["result"])
