#!/usr/bin/env bash
# Makes the starter Whisper from nothing: sounds by espeak-ng and numpy, training, export, scores. Everything lies under
# var/training/speech; what is there already is not made again, and training goes on from its checkpoint (remove the folder to
# start over).
set -euo pipefail
cd "$(dirname "$0")/.."
py=.venv/bin/python
work=var/training/speech
weights=moderation/detection/speech/weights

if ! command -v espeak-ng >/dev/null; then
    echo "espeak-ng is needed to make speech. Install it: apt-get install espeak-ng (or brew install espeak-ng)." >&2
    exit 1
fi
mkdir -p "$work"
"$py" -m training.speech.prepare "$work/data"
"$py" -m training.speech.train "$work"
"$py" -m training.speech.export "$work" "$weights/starter.pt"
"$py" -m training.speech.calibrate "$weights/starter.pt"
"$py" -m training.evaluate_starters --only speech
