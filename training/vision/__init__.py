"""The starter vision model: drawn scenes with captions, a small open_clip model trained on them, and what it is worth."""
