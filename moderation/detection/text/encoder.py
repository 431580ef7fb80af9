"""The transformer in ONNX Runtime on one thread: windows of tokens in, logits per category out."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

from moderation.detection.text import CATEGORIES
from moderation.detection.text.ngrams import plain_letters

_WORD = re.compile(r"[^\W\d_]+")
#: Tokens of one window, and how far the next one starts: a sentence across an edge is whole in one of the two.
WINDOW = 128
_STRIDE = 96
#: Windows of one text; beyond, the middle is thinned out. A caption has one.
_MAX_WINDOWS = 12
#: Padded tokens of one run: more no longer fit the caches of one core.
_TOKENS_PER_RUN = 1_024


class Encoder:
    """A quantised transformer with its tokenizer. Thread-safe; each call uses one thread."""

    def __init__(self, folder: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            folder / "encoder.onnx",
            options,
            providers=["CPUExecutionProvider"],
            # The fused kernel is slower on processors than the two that it replaces: a tenth of the whole run.
            disabled_optimizers=["SkipLayerNormFusion"],
        )
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(WINDOW, stride=WINDOW - _STRIDE)

    def logits(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return (texts, 9) logits of prepared texts: of each category the highest over a text's windows."""
        found = np.full((len(texts), len(CATEGORIES)), -np.inf, np.float32)
        windows = [(i, ids) for i, text in enumerate(texts) for ids in self._windows(text)]
        windows.sort(key=lambda pair: len(pair[1]))
        start = 0
        while start < len(windows):
            end = start + 1
            while end < len(windows) and len(windows[end][1]) * (end - start + 1) <= _TOKENS_PER_RUN:
                end += 1
            part = windows[start:end]
            np.maximum.at(found, [i for i, _ in part], self._run([ids for _, ids in part]))
            start = end
        return found

    def share_of_whole_words(self, text: str) -> float:
        """Return the share of words of two letters and more that are one token each, in [0, 1]; 0 where there is none."""
        words = [w for w in _WORD.findall(plain_letters(text)) if len(w) > 1]
        return sum(self._tokenizer.token_to_id(w) is not None for w in words) / len(words) if words else 0.0

    def vocabulary(self) -> dict[str, int]:
        """Return every token with its number."""
        return dict(self._tokenizer.get_vocab())

    def n_tokens(self, text: str) -> int:
        """Return the tokens of a prepared text's first window."""
        return len(self._tokenizer.encode(text).ids)

    def _windows(self, text: str) -> list[list[int]]:
        first = self._tokenizer.encode(text)
        windows = [first.ids, *(more.ids for more in first.overflowing)]
        if len(windows) <= _MAX_WINDOWS:
            return windows
        kept = np.linspace(0, len(windows) - 1, _MAX_WINDOWS).round().astype(int)
        return [windows[i] for i in kept]

    def _run(self, windows: list[list[int]]) -> npt.NDArray[np.float32]:
        width = max(map(len, windows))
        ids = np.zeros((len(windows), width), np.int64)
        for row, window in zip(ids, windows, strict=True):
            row[: len(window)] = window
        (logits,) = self._session.run(["logits"], {"ids": ids, "mask": (ids != 0).astype(np.int64)})
        return np.asarray(logits, np.float32)
