"""What happened, to what, by whom: one module per entity."""

from moderation.models.activation import Activation
from moderation.models.audit import AuditEvent
from moderation.models.bank import HashBank, HashEntry, HashMatch, MatchFeedback
from moderation.models.calibration import ScoreWeek
from moderation.models.campaign import Campaign, CampaignMember, CaptionSignature
from moderation.models.clearance import Clearance, ClearanceRevision
from moderation.models.decision import Decision
from moderation.models.domain import ListedDomain
from moderation.models.emergency import EmergencyTerm
from moderation.models.evidence import ItemEvidence
from moderation.models.finding import DetectorResult, Finding
from moderation.models.item import Creator, Item, MediaFile
from moderation.models.outbox import OutboxMessage
from moderation.models.report import Report
from moderation.models.review import Job, Queue
from moderation.models.rollout import CanaryTally, RollbackNotice, ShadowVerdict
from moderation.models.simulation import SimulationRun

__all__ = [
    "Activation",
    "AuditEvent",
    "Campaign",
    "CampaignMember",
    "CanaryTally",
    "CaptionSignature",
    "Clearance",
    "ClearanceRevision",
    "Creator",
    "Decision",
    "DetectorResult",
    "EmergencyTerm",
    "Finding",
    "HashBank",
    "HashEntry",
    "HashMatch",
    "Item",
    "ItemEvidence",
    "Job",
    "ListedDomain",
    "MatchFeedback",
    "MediaFile",
    "OutboxMessage",
    "Queue",
    "Report",
    "RollbackNotice",
    "ScoreWeek",
    "ShadowVerdict",
    "SimulationRun",
]
