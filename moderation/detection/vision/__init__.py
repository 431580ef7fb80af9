"""Looking: an open_clip model, the prompts that policy writes, calibration, and fusing frames over time. No ORM here."""
