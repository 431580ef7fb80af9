"""Hearing: which parts of a sound are speech, which model listens, and what of its words is believed."""
