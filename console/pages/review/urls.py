"""Addresses of queues and jobs."""

from django.urls import path

from console.pages.review import queues, views

urlpatterns = [
    path("queues/", queues.queue_list, name="queue_list"),
    path("jobs/claim", queues.job_claim, name="job_claim"),
    path("jobs/<uuid:key>/", views.job_page, name="job_page"),
    path("jobs/<uuid:key>/decide", views.job_decide, name="job_decide"),
    path("jobs/<uuid:key>/release", views.job_release, name="job_release"),
    path("jobs/<uuid:key>/heartbeat", views.job_heartbeat, name="job_heartbeat"),
]
