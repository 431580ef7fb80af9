"""Where the checkout is, and beside it the public data sets."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: The folder of public data sets; tests that need it skip where it is absent.
DATA = Path(os.environ.get("GATEHOUSE_DATA", ROOT.parent / "shared" / "data"))
