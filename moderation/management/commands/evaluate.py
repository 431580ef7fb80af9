"""`manage.py evaluate`: what the text ensemble is worth on labelled texts, as HTML with plots and as JSON."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from moderation.detection.model_store import ModelInvalid, read_source
from moderation.detection.text.loading import WEIGHTS
from moderation.evaluation.labelled import LabelsInvalid, read_labelled
from moderation.evaluation.report import as_html, measure_system
from moderation.evaluation.scoring import TextEnsemble
from moderation.evaluation.systems import choose_thresholds, latency, parts, policy_thresholds


class Command(BaseCommand):
    """Evaluates on files of labelled texts."""

    help = (
        "Measure the on-path text ensemble on labelled texts (.csv, .tsv or .jsonl): AP, recall and precision at the active "
        "policy's thresholds, calibration, slices by language and kind, latency."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare files and choices."""
        parser.add_argument("files", nargs="+", type=Path, help="the test split")
        parser.add_argument("--validation", type=Path, help="other labelled texts, on which thresholds are chosen")
        parser.add_argument(
            "--recall", type=float, default=0.8, help="the recall that chosen thresholds must reach there"
        )
        parser.add_argument(
            "--out", type=Path, default=Path("var/evaluation"), help="folder of report.html and report.json"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Score, measure, write."""
        if not 0 < options["recall"] <= 1:
            raise CommandError("--recall is a share above 0, up to 1.")
        try:
            examples = [e for path in options["files"] for e in read_labelled(path)]
            ensemble = TextEnsemble.load(read_source(WEIGHTS, settings.TEXT_MODEL_PATH, Path(settings.MODELS_FOLDER)))
            chosen = None
            if options["validation"]:
                chosen = choose_thresholds(ensemble, read_labelled(options["validation"]), options["recall"])
        except (LabelsInvalid, ModelInvalid, OSError) as error:
            raise CommandError(str(error)) from error
        report = measure_system(
            examples,
            parts(ensemble, examples, policy_thresholds(), chosen or {}),
            model=ensemble.classifier.version,
            chosen_for_recall=options["recall"] if chosen else "no --validation file: no thresholds were chosen",
            latency_ms_one_thread=latency(ensemble, examples),
        )
        self._write(report, options["out"])

    def _write(self, report: dict[str, Any], out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "report.json").write_text(json.dumps(report, indent=1) + "\n")
        (out / "report.html").write_text(as_html(report, "Text ensemble"))
        for system in report["systems"]:
            found = system["any"]
            self.stdout.write(f"{system['name']:<24} any unsafe: AP {found['ap']}, at 0.5 {found['at']['fair']}")
        for category, found in report["systems"][0]["categories"].items():
            self.stdout.write(f"  {category:<16} AP {found['ap']} on {found['n_positive']} of {found['n']}")
        self.stdout.write(f"Written to {out / 'report.html'} and report.json")
