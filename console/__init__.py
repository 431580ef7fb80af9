"""The Django project and the people's screens; owns no domain model."""

from console.celery import app as celery_app

__all__ = ["celery_app"]
