"""Measuring classifiers on labelled texts: measures, labelled files, the report. No ORM."""
