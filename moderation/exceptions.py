"""What can go wrong in moderation, as one family. Messages are for people: what was wrong and what to do."""


class ModerationError(Exception):
    """Base of all errors that services raise on purpose."""


class ItemConflict(ModerationError):
    """The external id is taken by an item with other content."""


class MediaGone(ModerationError):
    """A stored file of an upload was removed before a row named it; storing it again helps."""


class ItemNotOpen(ModerationError):
    """The item was withdrawn or is otherwise past deciding."""


class LeaseLost(ModerationError):
    """The lease expired, was released, or belongs to somebody else."""


class DecisionInvalid(ModerationError):
    """A person's decision lacks something; `field` names it."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


class UndoRefused(ModerationError):
    """A decision cannot be taken back (any more); the message says what stands in its place."""


class DraftTooLarge(ModerationError):
    """What was typed is more than a draft holds; nothing of it was kept."""


class HandBackInvalid(ModerationError):
    """A job cannot be given back like this; `field` names what is missing."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


class ActInvalid(ModerationError):
    """A creator cannot be told this from a job; `field` names what is missing: clause or text."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


class DecisionChanged(ModerationError):
    """What the person's page showed was overtaken in the meantime, or the page does not say what it showed."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(
            detail or "This changed after your page was sent, so nothing was recorded. Read what changed, then decide."
        )


class JudgementOverdue(ModerationError):
    """A verdict was not stored in time: what was in force may have changed, so it is thrown away."""


class DeadLetterInvalid(ModerationError):
    """The message is not a dead letter (any more)."""


class BankInvalid(ModerationError):
    """A bank or an entry cannot be stored as given."""


class CampaignInvalid(ModerationError):
    """The campaign is not open (any more), or is for seniors."""


class MoveInvalid(ModerationError):
    """Jobs cannot be moved like this."""


class WideActInvalid(ModerationError):
    """A wide act cannot be asked for or answered like this (any more)."""


class DomainInvalid(ModerationError):
    """A domain cannot be listed as given."""


class SimulationInvalid(ModerationError):
    """A simulation that cannot be run as asked. `field` names what to change."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


class PromptSetChanged(ModerationError):
    """The set of prompts is no draft (any more), or somebody else changed it."""


class RerunInvalid(ModerationError):
    """A run over history cannot be begun or changed like this; `field` names what is wrong, "" for all of it."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field
