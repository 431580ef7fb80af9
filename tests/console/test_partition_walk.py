"""Every page of the console reads the same to those without the permission, whether the restricted partition holds anything or not.

The same world is made twice, once with an item of the partition that left a trace wherever an item can, and every page is
read both times. Whatever differs gives the item away: a page, a count or a token that nobody thought of is found here.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from difflib import unified_diff

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from moderation import campaign_source, evidence_store, onpath, simulations
from moderation.models import Campaign, CampaignMember, Decision, Item, OutboxMessage, ScoreWeek, ShadowVerdict
from moderation.models.decision import DecisionStage
from moderation.routing import RESTRICTED_QUEUE
from moderation.services.audit import audit_write
from moderation.services.bank_matches import match_judge
from moderation.services.banks import NewEntry, bank_add_entries, bank_upsert
from moderation.services.calibration import calibration_count
from moderation.services.emergency import emergency_term_add
from moderation.services.jobs import job_claim, job_decide
from moderation.services.outbox import message_add
from moderation.services.reports import report_file
from moderation.services.simulations import simulation_start
from policies.choices import DETECTORS, Outcome
from policies.models import PolicyVersion, VersionState
from policies.population import Filter
from tests.console import acts, flagged, policy_scenes, scenes
from tests.console.conftest import signed_in
from tests.console.test_access import TABLE
from tests.moderation.people import seen

OUTSIDERS = ("reviewer", "policy-editor", "policy-approver", "analyst")
HIDDEN = "hidden-9"
