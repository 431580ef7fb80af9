"""The addresses of the people's screens."""

from django.urls import path

from console.views import audit, banks, dashboards, deadletters, items, jobs, media, policies, queues

urlpatterns = [
    path("", dashboards.home, name="home"),
    path("queues/", queues.queue_list, name="queue_list"),
    path("jobs/claim", queues.job_claim, name="job_claim"),
    path("jobs/<uuid:key>/", jobs.job_page, name="job_page"),
    path("jobs/<uuid:key>/decide", jobs.job_decide, name="job_decide"),
    path("jobs/<uuid:key>/release", jobs.job_release, name="job_release"),
    path("jobs/<uuid:key>/heartbeat", jobs.job_heartbeat, name="job_heartbeat"),
    path("items/", items.item_list, name="item_list"),
    path("items/<uuid:key>/", items.item_page, name="item_page"),
    path("items/<uuid:key>/overturn", items.item_overturn, name="item_overturn"),
    path("deadletters/", deadletters.deadletter_list, name="deadletter_list"),
    path("deadletters/redrive", deadletters.deadletter_redrive_all, name="deadletter_redrive_all"),
    path("deadletters/<uuid:key>/redrive", deadletters.deadletter_redrive, name="deadletter_redrive"),
    path("audit/", audit.audit_list, name="audit_list"),
    path("policies/", policies.policy_list, name="policy_list"),
    path("policies/<int:number>/", policies.policy_page, name="policy_page"),
    path("banks/", banks.bank_list, name="bank_list"),
    path("banks/<slug:slug>/ratio", banks.bank_ratio, name="bank_ratio"),
    path("media/<path:signed>", media.media, name="media"),
]
