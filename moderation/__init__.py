"""Items, evidence and decisions about them: detectors, review, the gate."""

import os

#: onnxruntime's official builds report to their maker unless they are told not to before they load, and leave an identifier
#: in the temporary folder. Nothing of what is examined here concerns anybody else.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
