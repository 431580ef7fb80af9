#!/bin/sh
# Makes speech.opus, the made voice that demo clips use where espeak-ng is not installed.
set -eu
cd "$(dirname "$0")"
espeak-ng -v en -s 150 --stdout "Welcome to the demo. Nothing here was recorded; every picture and every word is made." >speech.wav
python3 - <<'PY'
import av

with av.open("speech.wav") as source, av.open("speech.opus", "w", format="ogg") as out:
    stream = out.add_stream("libopus", rate=24000, layout="mono")
    stream.bit_rate = 16000
    resampler = av.AudioResampler(format="s16", layout="mono", rate=24000)
    for frame in source.decode(audio=0):
        for part in resampler.resample(frame):
            out.mux(stream.encode(part))
    for part in resampler.resample(None):
        out.mux(stream.encode(part))
    out.mux(stream.encode(None))
PY
rm speech.wav
