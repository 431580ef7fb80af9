"""A feed that follows when told to: the gate and the index of this process, without their threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from console.models import SCOPES, ApiKey
from feed import index, traces
from feed.index import Index, fill_shelf
from moderation.gate import door as gate
from moderation.gate.door import Gate


@pytest.fixture
def follow(transactional_db: None) -> Iterator[Callable[[], None]]:
    """Yield what brings gate and index up to date with the database."""
    gate.replace_current(Gate(max_age_seconds=60.0))
    index.HELD.replace(Index())

    def follow_now() -> None:
        gate.current().refresh()
        index.current().refresh_popularity()
        index.current().refresh()
        index.current().refresh_shelves(fill_shelf)

    follow_now()
    yield follow_now
    gate.replace_current(None)
    index.HELD.replace(None)
    traces.HELD.replace(None)


@pytest.fixture
def api(transactional_db: None) -> Callable[..., Any]:
    """Return what calls the API with a key of all scopes and gives the answer."""
    _, secret = ApiKey.issue(name="tests", scopes=list(SCOPES))
    client = Client(headers={"Authorization": f"Api-Key {secret}"})

    def call(path: str, body: object = None, **query: Any) -> Any:
        if body is not None:
            return client.post(f"/api/v1/{path}", body, content_type="application/json")
        return client.get(f"/api/v1/{path}", query)

    return call
