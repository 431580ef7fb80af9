"""The database refuses what must not be, with the ORM's own checks bypassed."""

import pytest
from django.db import connection

pytestmark = pytest.mark.django_db


def test_it_numbers_clearance_changes_itself() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('moderation_clearance_revision_seq')")
        assert cursor.fetchone()[0] >= 1
