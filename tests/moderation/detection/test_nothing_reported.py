"""Libraries that would report to their makers are told not to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.places import ROOT


def test_onnxruntime_leaves_no_identifier_behind(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    code = "import moderation.detection.text.encoder, rapidocr_onnxruntime"
    subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**environment, "TMPDIR": str(tmp_path)}, check=True, timeout=120
    )
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
