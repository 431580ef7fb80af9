"""Near-duplicate captions by MinHash: signatures that survive spelling tricks, and what belongs to a campaign. Pure.

A signature is a MinHash over the letters of a caption as it reads: the share of equal values estimates the share of
letter sequences that two captions have in common (their Jaccard similarity), with a standard error of 0.046 at most.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from moderation.detection.terms.normalise import normalise

Values = npt.NDArray[np.uint32]

#: Changes when signatures made before and after cannot be compared.
SIGNATURE_VERSION = 2
#: Letters that are read as one. Six span most word boundaries, so that the same few words in another order differ.
_SHINGLE = 6
N_VALUES = 120
#: Two captions that agree in all values of any band become candidates: three values in each of 24 bands find nearly
#: all pairs above the similarity that counts (0.5: 96%, 0.6: 99.7%), and unrelated ones hardly ever.
BANDS = 24
ROWS = 3
#: The estimated similarity from which two captions are the same one, respelled. Three wrong letters in eighty leave 0.6.
SAME = 0.5
#: The estimated similarity from which a caption belongs to a campaign that is there. Less than opens one: what is just short
#: of it by the error of an estimate would otherwise stay outside, and open a second campaign of the same wave.
JOINS = 0.42
#: A campaign is known by so many of its captions at most, chosen when it is opened: it does not drift afterwards.
MAX_REPRESENTATIVES = 8
#: Letters of a caption that are read; the rest of a longer one is not.
_MAX_LETTERS = 600
#: Popular tags and people's names make unrelated uploads alike; addresses stay, since waves share them.
_TAGS = re.compile(r"[#@]\w+")
_REPEATS = re.compile(r"(.)\1+")
#: Candidates that are compared with all others at a time.
_BLOCK = 32
#: Steps of the finishing mix (shift, factor), after which every bit of a number depends on every other. Source: G. L. Steele,
#: D. Lea and C. H. Flood, OOPSLA 2014 (SplitMix).
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))


@dataclass(frozen=True, slots=True)
class Signature:
    """What a caption reads like: `values` (N_VALUES,) uint32, and one key for each band."""

    values: Values
    bands: tuple[int, ...]

    def to_bytes(self) -> bytes:
        """Return the values as they are stored."""
        return self.values.astype("<u4").tobytes()


def values_of(stored: bytes) -> Values:
    """Return stored values: one signature's, or several one after the other, as (n, N_VALUES) uint32."""
    return np.frombuffer(stored, dtype="<u4").astype(np.uint32).reshape(-1, N_VALUES)


def letters_of(caption: str) -> str:
    """Return the letters of a caption as it reads: no tags, signs, digits, spaces or repeats."""
    text = normalise(_TAGS.sub(" ", caption[: 4 * _MAX_LETTERS])).text
    return _REPEATS.sub(r"\1", "".join(filter(str.isalpha, text)))[:_MAX_LETTERS]


def signature_of(caption: str, *, min_letters: int) -> Signature | None:
    """Return a caption's signature; None where it is too short to tell a wave from a common phrase.

    Args:
        min_letters: how many letters a caption must have, tags and repeats not counted.
    """
    letters = letters_of(caption)
    if len(letters) < max(min_letters, _SHINGLE):
        return None
    values = _min_hash(_shingles(letters))
    return Signature(values, _band_keys(values))


def _shingles(letters: str) -> npt.NDArray[np.uint64]:
    """Return a number for each run of _SHINGLE letters."""
    codes = np.frombuffer(letters.encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    n = len(codes) - _SHINGLE + 1
    mixed = np.zeros(n, np.uint64)
    for i in range(_SHINGLE):
        mixed = (mixed * np.uint64(0x9E3779B97F4A7C15)) ^ (codes[i : i + n] + np.uint64(1))
    for shift, factor in _MIX:
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return np.unique(mixed)


@lru_cache(maxsize=1)
def _family() -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """Return the coefficients of the hash functions; fixed, since signatures are stored."""
    random = np.random.Generator(np.random.PCG64(20_261_124))
    a, b = random.integers(0, 1 << 64, (2, N_VALUES, 1), dtype=np.uint64)
    return a | np.uint64(1), b


def _min_hash(shingles: npt.NDArray[np.uint64]) -> Values:
    """Return the least value of each hash function a x + b modulo 2^64.

    With odd factors these are permutations. They must shuffle the numbers well: while products hardly passed the modulus (as in
    version 1), the same few shingles were least under most functions, and an estimate was three times as far off as it may be.
    """
    a, b = _family()
    smallest: Values = ((a * shingles[None, :] + b).min(axis=1) >> np.uint64(32)).astype(np.uint32)
    return smallest


def _band_keys(values: Values) -> tuple[int, ...]:
    """Return one signed 64-bit key for each band, as PostgreSQL's bigint holds them."""
    rows = values[: BANDS * ROWS].astype(np.uint64).reshape(BANDS, ROWS)
    mixed = np.arange(1, BANDS + 1, dtype=np.uint64)
    for i in range(ROWS):
        mixed = (mixed ^ rows[:, i]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(32)
    return tuple(mixed.astype(np.int64).tolist())


def similarity(one: Values, many: Values) -> npt.NDArray[np.float32]:
    """Return the estimated similarity, in [0, 1], of one signature (N_VALUES,) with each of many (n, N_VALUES)."""
    agree: npt.NDArray[np.float32] = (many == one).mean(axis=1, dtype=np.float32)
    return agree


def are_members(values: Values, representatives: Values) -> npt.NDArray[np.bool_]:
    """Return which of many captions (n, N_VALUES) belong with a campaign's representatives (m, N_VALUES)."""
    found = np.zeros(len(values), bool)
    for one in representatives:
        found |= similarity(one, values) >= JOINS
    return found


def cluster_around(values: Values) -> list[int]:
    """Return the positions of those that belong together among candidates (n, N_VALUES), the most central one first.

    The centre is the candidate that most others are like; the rest are those like the centre itself. Nothing joins by being
    like a member that is like a member, so that two topics with a few words in common stay apart.
    """
    sample = values[: min(len(values), 400)]  # the centre of a large heap is found in a part of it
    blocks = (sample[i : i + _BLOCK, None, :] for i in range(0, len(sample), _BLOCK))
    likes = [((block == sample).mean(axis=-1, dtype=np.float32) >= SAME).sum(axis=-1) for block in blocks]
    centre = int(np.argmax(np.concatenate(likes)))
    alike = np.flatnonzero(similarity(values[centre], values) >= SAME)
    return [centre, *(int(i) for i in alike if i != centre)]


def representatives_of(values: Values) -> list[int]:
    """Return the positions of those that stand for a cluster: its centre, which comes first, and what is least like them."""
    chosen = [0]
    likeness = similarity(values[0], values)
    while len(chosen) < min(MAX_REPRESENTATIVES, len(values)):
        candidate = int(np.argmin(likeness))
        if likeness[candidate] >= 0.95:
            break
        chosen.append(candidate)
        likeness = np.maximum(likeness, similarity(values[candidate], values))
    return chosen


def stack(signatures: Iterable[bytes | memoryview]) -> Values:
    """Return stored signatures as (n, N_VALUES) uint32."""
    return values_of(b"".join(bytes(s) for s in signatures))


#: Time in seconds and creator of like captions, in the order of time.
Uploads = Sequence[tuple[float, int]]


def wave_began(uploads: Uploads, *, n_like: int, within_seconds: float) -> float | None:
    """Return when a wave began, in the unit of its times: what was there before it is not a part of it.

    Not before a second creator sent the same, and not before so many came within so short a time. None where they never did:
    such captions do not tell which of them were copied.

    Args:
        n_like, within_seconds: how dense a wave is at least.
    """
    first = next((i for i, (_, creator) in enumerate(uploads) if creator != uploads[0][1]), 0)
    last = len(uploads) - n_like + 1
    dense = next((i for i in range(last) if uploads[i + n_like - 1][0] - uploads[i][0] <= within_seconds), None)
    return None if dense is None else uploads[max(first, dense)][0]


def large_since(uploads: Uploads, *, n_items: int, n_creators: int) -> float | None:
    """Return when like captions became so many of so many creators, in the unit of their times; None while they are fewer."""
    creators: set[int] = set()
    for i, (at, creator) in enumerate(uploads, start=1):
        creators.add(creator)
        if i >= n_items and len(creators) >= n_creators:
            return at
    return None
