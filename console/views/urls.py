"""The addresses of the people's screens."""

from django.urls import path

from console.views import audit, banks, dashboards, deadletters, items, jobs, matches, media, policies, queues

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
    path("banks/<slug:slug>/", banks.bank_page, name="bank_page"),
    path("banks/<slug:slug>/ratio", banks.bank_ratio, name="bank_ratio"),
    path("banks/<slug:slug>/import", banks.bank_take, name="bank_import"),
    path("banks/<slug:slug>/export", banks.bank_give, name="bank_export"),
    path("hashes/<uuid:key>/retire", banks.entry_retire, name="entry_retire"),
    path("hashes/<uuid:key>/restore", banks.entry_restore, name="entry_restore"),
    path("hashes/<uuid:key>/release", banks.entry_release, name="entry_release"),
    path("hashes/<uuid:key>/judge", matches.entry_judge, name="entry_judge"),
    path("items/<uuid:key>/matches/<uuid:entry>", matches.match_judge, name="match_judge"),
    path("matches/", matches.match_debugger, name="match_debugger"),
    path("matches/look", matches.match_look, name="match_look"),
    path("media/<path:signed>", media.media, name="media"),
]
