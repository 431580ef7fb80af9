"""What happened, to what, by whom: one module per entity."""

from moderation.models.activation import Activation
from moderation.models.audit import AuditEvent, AuditTally
from moderation.models.bank import HashBank, HashEntry, HashMatch, KnownClip, MatchFeedback
from moderation.models.calibration import ScoreWeek
from moderation.models.campaign import Campaign, CampaignBystander, CampaignMember, CaptionSignature
from moderation.models.clearance import Clearance, ClearanceRevision
from moderation.models.decision import Decision
from moderation.models.derived import DerivedFile
from moderation.models.domain import ListedDomain
from moderation.models.draft import DecisionDraft
from moderation.models.emergency import EmergencyTerm
from moderation.models.enforcement import CreatorAct, LeadCall
from moderation.models.evidence import ItemEvidence
from moderation.models.finding import DetectorResult, Finding
from moderation.models.history import History
from moderation.models.item import Creator, Item, MediaFile
from moderation.models.job_note import JobNote, Question
from moderation.models.lists import ListChange
from moderation.models.outbox import OutboxMessage
from moderation.models.overturn import Overturn
from moderation.models.report import Report, Reporter
from moderation.models.rerun import DetectorRerun
from moderation.models.review import Job, Queue
from moderation.models.reviewer import JobPass, Reviewer
from moderation.models.rollout import CanaryTally, RollbackNotice, ShadowVerdict
from moderation.models.search import ItemText
from moderation.models.simulation import SimulationRun
from moderation.models.viewing import ViewingChoice
from moderation.models.vision import ClipEmbedding, FrameEmbedding, Prompt, PromptSet
from moderation.models.waiting import WaitingDecision
from moderation.models.wide_act import WideAct

__all__ = [
    "Activation",
    "AuditEvent",
    "AuditTally",
    "Campaign",
    "CampaignBystander",
    "CampaignMember",
    "CanaryTally",
    "CaptionSignature",
    "Clearance",
    "ClearanceRevision",
    "ClipEmbedding",
    "Creator",
    "CreatorAct",
    "Decision",
    "DecisionDraft",
    "DerivedFile",
    "DetectorRerun",
    "DetectorResult",
    "EmergencyTerm",
    "Finding",
    "FrameEmbedding",
    "HashBank",
    "HashEntry",
    "HashMatch",
    "History",
    "Item",
    "ItemEvidence",
    "ItemText",
    "Job",
    "JobNote",
    "JobPass",
    "KnownClip",
    "LeadCall",
    "ListChange",
    "ListedDomain",
    "MatchFeedback",
    "MediaFile",
    "OutboxMessage",
    "Overturn",
    "Prompt",
    "PromptSet",
    "Question",
    "Queue",
    "Report",
    "Reporter",
    "Reviewer",
    "RollbackNotice",
    "ScoreWeek",
    "ShadowVerdict",
    "SimulationRun",
    "ViewingChoice",
    "WaitingDecision",
    "WideAct",
]
