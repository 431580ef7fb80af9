"""How the starter Whisper is made: sentences, voices and sounds, spectrograms, training, export, evaluation."""
