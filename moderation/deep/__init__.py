"""The deep pass as work: where each detector runs, in which order clips wait, how many workers that takes. No ORM here but in
pressure.py and progress.py, which only read."""
