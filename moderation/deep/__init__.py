"""The deep pass: the slow detectors on a clip, the verdict on all evidence, and runs of one detector over history."""
