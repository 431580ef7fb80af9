"""Addresses of queues and jobs."""

from django.urls import path

from console.pages.review import acts, beside, drafts, giving_back, queues, seats, undo, views

urlpatterns = [
    path("queues/", queues.queue_list, name="queue_list"),
    path("jobs/claim", queues.job_claim, name="job_claim"),
    path("jobs/<uuid:key>/", views.job_page, name="job_page"),
    path("jobs/<uuid:key>/decide", views.job_decide, name="job_decide"),
    path("jobs/<uuid:key>/release", giving_back.job_release, name="job_release"),
    path("jobs/<uuid:key>/skip", giving_back.job_skip, name="job_skip"),
    path("jobs/<uuid:key>/ask", giving_back.job_ask, name="job_ask"),
    path("jobs/<uuid:key>/similar", beside.job_similar, name="job_similar"),
    path("jobs/<uuid:key>/matches/<uuid:entry>", beside.job_match, name="job_match"),
    path("jobs/<uuid:key>/help", acts.job_help, name="job_help"),
    path("jobs/<uuid:key>/warn", acts.job_warn, name="job_warn"),
    path("jobs/<uuid:key>/call-lead", acts.job_call_lead, name="job_call_lead"),
    path("calls/<uuid:key>/seen", acts.lead_call_seen, name="lead_call_seen"),
    path("jobs/<uuid:key>/heartbeat", views.job_heartbeat, name="job_heartbeat"),
    path("jobs/<uuid:key>/draft/", drafts.job_draft, name="job_draft"),
    path("jobs/<uuid:key>/draft/discard", drafts.job_draft_discard, name="job_draft_discard"),
    path("campaigns/<uuid:key>/draft/", drafts.campaign_draft, name="campaign_draft"),
    path("campaigns/<uuid:key>/draft/discard", drafts.campaign_draft_discard, name="campaign_draft_discard"),
    path("items/<uuid:key>/draft/", drafts.overturn_draft, name="overturn_draft"),
    path("items/<uuid:key>/draft/discard", drafts.overturn_draft_discard, name="overturn_draft_discard"),
    path("shift/end", giving_back.shift_end, name="shift_end"),
    path("review/undo/", undo.undo_list, name="undo_list"),
    path("review/undo/<uuid:key>/back", undo.undo_take, name="undo_take"),
    path("review/overturns/<uuid:key>/read", undo.overturn_read, name="overturn_read"),
    path("review/overtaken/<uuid:key>/read", undo.overtaken_read, name="overtaken_read"),
    path("answers/<uuid:key>/read", giving_back.answer_read, name="answer_read"),
    path("seat/", seats.seat_page, name="seat_page"),
    path("seat/save", seats.seat_save, name="seat_save"),
    path("seats/", seats.seat_list, name="seat_list"),
    path("seats/<uuid:key>/train", seats.seat_train, name="seat_train"),
]
