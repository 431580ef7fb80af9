#!/usr/bin/env bash
# Trains the text classifier from the base encoder, the public sets and the written corpus. Each stage keeps a checkpoint under
# var/training; a stage whose checkpoint is complete is not run again (remove the folder to start over).
set -euo pipefail
cd "$(dirname "$0")/.."
py=.venv/bin/python
work=var/training
weights=moderation/detection/text/weights

stage() { # name, arguments
    local name=$1
    shift
    [ -f "$work/$name.done" ] && return
    "$py" -m training.train_text --out "$work/$name.pt" "$@"
    touch "$work/$name.done"
}

mkdir -p "$work"
stage stage1 --texts 60000 --public-share 1.0 --rate 1.2e-4
stage stage2 --init "$work/stage1.pt" --texts 120000 --public-share 0.38 --rate 1.1e-4 --seed 8
"$py" -m training.export "$work/stage2.pt" "$weights"
"$py" -m training.train_ngrams --out "$weights/ngrams.npz"
"$py" -m training.calibrate "$weights"
"$py" -m training.report
