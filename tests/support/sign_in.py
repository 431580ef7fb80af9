"""Browsers in which somebody is signed in."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.test import Client

from console.identity.session_life import session_begin


def signed_in(user: User) -> Client:
    """Return a browser in which somebody is signed in."""
    client = Client()
    client.force_login(user)
    session = client.session
    session_begin(session)
    session.save()
    return client
