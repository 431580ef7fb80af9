"""What viewers and trusted flaggers report, through the public API."""

from __future__ import annotations

from collections.abc import Iterable

from console.demo.client import Client


def reports_send(client: Client, reports: Iterable[tuple[str, str, str, str]]) -> list[str]:
    """File reports; returns what was refused, as sentences."""
    refused = []
    for external_id, reporter, category, text in reports:
        document = {"external_id": external_id, "reporter": reporter, "category": category, "text": text}
        answer = client.post_json("/api/v1/reports", document)
        if not answer.is_ok:
            refused.append(f"report on {external_id}: {answer.why()}")
    return refused
