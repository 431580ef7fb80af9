"""Files as they come in: recognised by content, decoded within limits, stored under their hash.

Stills are decoded in this process after their size was checked; everything else only in the sandbox (sandbox.py).
"""
