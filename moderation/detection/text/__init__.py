"""The text classifier: what it is given, its two models, their calibration and fusion. No ORM."""

#: The categories it scores, in the order of every array of scores.
CATEGORIES = (
    "hate", "harassment", "violence", "sexual", "self_harm", "dangerous_acts", "drugs", "spam_scam", "profanity",
)  # fmt: skip
