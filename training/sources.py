"""The public data sets, each mapped on purpose to the policy's categories. This table is the only place that says how.

Labels conflict between sets: what one calls hate another calls offensive. Every reader says what its labels mean here. A
category that a set's annotators did not judge stays unknown, and is left out of the loss and of every score.
Sets marked `is_held_out` are never trained on, tuned on or looked at: they are what the report is about.
"""

import csv
import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from training.examples import Example, none_of_all

Labelled = Iterator[tuple[str, Mapping[str, float]]]

#: Harmless in every respect that hate and abuse annotators look at; swearing and crude talk were not their question.
CIVIL: Mapping[str, float] = {
    "hate": 0.0, "harassment": 0.0, "violence": 0.0, "self_harm": 0.0, "dangerous_acts": 0.0, "spam_scam": 0.0,
}  # fmt: skip
#: Said of what is hateful or abusive: surely no advertisement, nor a plan to hurt oneself.
_OFF_TOPIC: Mapping[str, float] = {"self_harm": 0.0, "dangerous_acts": 0.0, "drugs": 0.0, "spam_scam": 0.0}


@dataclass(frozen=True, slots=True)
class Source:
    """One data set: where it lies under the data folder, its licence, its reader, how far its labels are to be trusted."""

    name: str
    path: str
    language: str
    licence: str
    read: Callable[[Path], Labelled]
    weight: float = 1.0
    share: float = 1.0  # of its texts that are used
    is_held_out: bool = False

    def examples(self, data: Path) -> Iterator[Example]:
        """Yield its texts; none where the file is absent."""
        path = data / self.path
        if not path.exists():
            return
        for text, labels in self.read(path):
            example = Example(text.strip(), labels, self.language, self.name, weight=self.weight)
            if example.text and (self.share >= 1.0 or example.is_in_share(self.share, self.name)):
                yield example


def _rows(path: Path, delimiter: str = ",", fields: list[str] | None = None) -> Iterator[dict[str, str]]:
    opened = gzip.open(path, "rt", encoding="utf-8-sig") if path.suffix == ".gz" else path.open(encoding="utf-8-sig")
    quoting: Literal[0, 3] = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    with opened as lines:
        yield from csv.DictReader(lines, delimiter=delimiter, fieldnames=fields, quoting=quoting)


def _davidson(path: Path) -> Labelled:
    """Tweets. "Offensive" there is mostly crude talk without a target: strong language, harassment unknown."""
    for row in _rows(path):
        share = int(row["hate_speech"]) / int(row["count"])
        match row["class"]:
            case "0":
                yield row["tweet"], {**_OFF_TOPIC, "hate": max(share, 0.7)}
            case "1":
                yield row["tweet"], {**_OFF_TOPIC, "hate": share / 2, "profanity": 0.9}
            case _:
                yield row["tweet"], {**CIVIL, "profanity": 0.05}


def _stormfront(path: Path) -> Labelled:
    """Forum sentences judged one by one; those that need their neighbours are left out."""
    for row in _rows(path):
        if row["split"] != "unused" and row["label"] in {"hate", "noHate"}:
            yield row["text"], {**_OFF_TOPIC, "hate": float(row["label"] == "hate")}


def _toxigen(path: Path) -> Labelled:
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
    with opened as file:
        rows: list[dict[str, Any]] = json.load(file)
    for row in rows:
        text = row["text"].replace("_x000D_", " ")
        if row["label"] == "hate":
            yield text, {**_OFF_TOPIC, "hate": 1.0}
        else:
            yield text, {**CIVIL, "drugs": 0.0}


def _edos(path: Path) -> Labelled:
    """Sexism is hate on grounds of gender. What is not sexist there may be hateful otherwise: a soft no."""
    for row in _rows(path):
        if row["label_sexist"] == "sexist":
            violence = {"violence": 0.8} if row["label_category"].startswith("1.") else {}
            yield row["text"], {**_OFF_TOPIC, "hate": 1.0, **violence}
        else:
            yield row["text"], {**_OFF_TOPIC, "hate": 0.08}


def _hatemoji(path: Path) -> Labelled:
    for row in _rows(path):
        is_hate = row["label_gold"] == "1"
        violence = {"violence": 0.9} if row["type"] == "threateninglanguage" else {}
        yield row["text"], {**_OFF_TOPIC, "hate": float(is_hate), **violence}


def _convabuse(path: Path) -> Labelled:
    """What people say to chat bots. Abuse there is insult; explicit advances are sexual."""
    for row in _rows(path):
        is_abuse = row["abuse"] == "1"
        is_hate = any(float(row[k] or 0) >= 0.5 for k in ("sexist", "racist", "homophobic", "transphobic", "ableist"))
        yield row["user"], {**_OFF_TOPIC, "harassment": float(is_abuse), "hate": float(is_hate)}


def _toxic_comments(path: Path) -> Labelled:
    """News comments with the share of annotators who found all of it toxic, or nothing; mostly insults."""
    means = {r["comment_id"]: r for r in _rows(path.with_name("comment_annotation_means.csv.gz"))}
    for row in _rows(path):
        mean = means.get(row["comment_id"])
        if mean is None:
            continue
        calm = float(mean["not toxic"])
        if calm >= 0.67:
            yield row["comment_text"], {**_OFF_TOPIC, "harassment": 0.15}
        elif calm <= 0.34:
            yield row["comment_text"], {**_OFF_TOPIC, "harassment": 0.85}


def _mlma(path: Path) -> Labelled:
    """Tweets with many labels at once; only the clear ones are used."""
    for row in _rows(path):
        found = set(row["sentiment"].split("_"))
        text = row["tweet"].replace("@url", "")
        if found == {"normal"}:
            yield text, CIVIL
        elif "normal" in found:
            continue
        elif "hateful" in found:
            yield text, {**_OFF_TOPIC, "hate": 0.85}
        else:
            yield text, {**_OFF_TOPIC, "harassment": 0.8}


def _germeval(path: Path) -> Labelled:
    for row in _rows(path, "\t", ["text", "coarse", "fine"]):
        text = (row["text"] or "").replace("|LBR|", " ")
        match row["fine"]:
            case "ABUSE":
                yield text, {**_OFF_TOPIC, "hate": 0.8}
            case "INSULT":
                yield text, {**_OFF_TOPIC, "harassment": 0.95}
            case "PROFANITY":
                yield text, {**_OFF_TOPIC, "profanity": 1.0}
            case "OTHER":
                yield text, {**CIVIL, "profanity": 0.05, "drugs": 0.0, "sexual": 0.0}


def _cold(path: Path) -> Labelled:
    """Chinese posts about race, gender and region: what is offensive there attacks a group."""
    for row in _rows(path):
        is_hate = row["label"] == "1"
        yield row["TEXT"], {**_OFF_TOPIC, "hate": 1.0} if is_hate else {**CIVIL, "drugs": 0.0, "sexual": 0.0}


def _kocohub(path: Path) -> Labelled:
    """Korean news comments. "Hate" there is a strong insult; it attacks a group where a bias was found as well."""
    for row in _rows(path, "\t"):
        if row["hate"] == "none":
            yield row["comments"], {**CIVIL, "drugs": 0.0}
        else:
            hate = {"hate": 0.8} if row["bias"] not in {"none", ""} else {}
            yield row["comments"], {**_OFF_TOPIC, "harassment": 0.95 if row["hate"] == "hate" else 0.75, **hate}


def _sms(path: Path) -> Labelled:
    for row in _rows(path, "\t", ["label", "text"]):
        civil = {k: p for k, p in none_of_all().items() if k not in {"profanity", "sexual"}}
        yield row["text"], {**civil, "spam_scam": float(row["label"] == "spam")}


def _youtube(path: Path) -> Labelled:
    for row in _rows(path):
        yield row["CONTENT"], {"spam_scam": float(row["CLASS"] == "1")}


SOURCES = (
    Source("davidson", "davidson/labeled_data.csv", "en", "MIT", _davidson, weight=0.6, share=0.5),
    Source("toxigen", "safenlp_toxigen/toxiGen.json", "en", "MIT", _toxigen),
    Source("implicit_hate", "safenlp_toxigen/implicitHate.json.gz", "en", "MIT", _toxigen, weight=0.6, share=0.7),
    Source("edos", "edos/edos_labelled_aggregated.csv", "en", "CC0-1.0", _edos, weight=0.7, share=0.7),
    Source("hatemoji", "hatemoji/HatemojiBuild_train.csv", "en", "CC-BY-4.0", _hatemoji),
    Source("toxic_comments", "toxic_spans/comments.csv.gz", "en", "CC0-1.0", _toxic_comments, weight=0.6, share=0.7),
    Source("mlma_en", "mlma/en_dataset.csv", "en", "MIT", _mlma, weight=0.3, share=0.5),
    Source("mlma_fr", "mlma/fr_dataset.csv", "fr", "MIT", _mlma, weight=0.4),
    Source("mlma_ar", "mlma/ar_dataset.csv", "ar", "MIT", _mlma, weight=0.5),
    Source("germeval2018", "germeval2018/germeval2018.training.txt", "de", "CC-BY-4.0", _germeval),
    Source("cold", "cold_zh/train.csv.gz", "zh", "Apache-2.0", _cold),
    Source("kocohub", "kocohub_ko/train.tsv", "ko", "CC-BY-SA-4.0", _kocohub),
    Source("sms_spam", "sms_spam/sms.tsv", "en", "CC-BY-4.0", _sms),
    Source("stormfront", "stormfront/stormfront_sentences.csv", "en", "CC-BY-SA-3.0", _stormfront, is_held_out=True),
    Source("convabuse", "convabuse/convabuse_valid_agg.csv", "en", "CC-BY-4.0", _convabuse, is_held_out=True),
    Source("youtube_spam", "youtube_spam/youtube_spam_all.csv", "en", "CC-BY-4.0", _youtube, is_held_out=True),
    Source("cold_dev", "cold_zh/dev.csv.gz", "zh", "Apache-2.0", _cold, is_held_out=True),
)


def public(data: Path, *, is_held_out: bool) -> list[Example]:
    """Return the texts of all sets to learn from, or of those held out."""
    return [e for s in SOURCES if s.is_held_out == is_held_out for e in s.examples(data)]
