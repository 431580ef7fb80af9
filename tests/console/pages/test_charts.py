"""Charts are well-formed SVG that says what it shows, and its shapes stand where the numbers are."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from console.pages import charts
from console.pages.charts import Mark
from policies.statistics.calibration import reliability

PLOT_LEFT, PLOT_RIGHT, PLOT_TOP, PLOT_BOTTOM = 44.0, 390.0, 12.0, 174.0


def parsed(svg: str) -> ElementTree.Element:
    root = ElementTree.fromstring(svg)
    assert root.tag == "svg"
    return root


def of(root: ElementTree.Element, tag: str, css: str) -> list[ElementTree.Element]:
    return [e for e in root.iter(tag) if css in e.get("class", "").split()]


def drawn() -> dict[str, str]:
    draw = np.random.default_rng(1)
    scores = draw.random(500)
    return {
        "histogram": charts.histogram("h", "Scores", [900, 30, 0, 7, 1], [Mark(0.6, "block 0.60")], at=0.6),
        "curve": charts.precision_recall("c", "Curve", [(0.9, 0.3), (0.5, 0.8)], (0.5, 0.8)),
        "load": charts.load("l", "Load", [1.0] * 24, [2.0] * 24),
        "reliability": charts.reliability("r", "Reliability", reliability(scores, draw.random(500) < scores)),
    }


@pytest.mark.parametrize("name", list(drawn()))
def test_every_chart_has_a_title_a_description_and_no_inline_style(name: str) -> None:
    svg = drawn()[name]
    root = parsed(svg)
    title, description = root.find("title"), root.find("desc")
    assert title is not None
    assert description is not None
    assert title.text
    assert description.text
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert root.get("role") == "img"
    assert "style" not in svg
    assert "<script" not in svg


@pytest.mark.parametrize("name", list(drawn()))
def test_everything_lies_inside_the_drawing(name: str) -> None:
    root = parsed(drawn()[name])
    _, _, width, height = map(float, root.get("viewBox", "").split())
    for element in root.iter():
        for key in ("x", "x1", "x2", "cx"):
            assert -0.01 <= float(element.get(key, "0")) <= width, (element.tag, element.attrib)
        for key in ("y", "y1", "y2", "cy"):
            assert -0.01 <= float(element.get(key, "0")) <= height, (element.tag, element.attrib)


def test_a_histogram_has_a_bar_for_each_score_that_occurs_and_marks_those_acted_on() -> None:
    root = parsed(drawn()["histogram"])
    bars = of(root, "rect", "bar")
    assert len(bars) == 4
    assert len(of(root, "rect", "on")) == 2
    heights = [float(bar.get("height", "0")) for bar in bars]
    assert heights == sorted(heights, reverse=True)
    (line,) = of(root, "line", "mark")
    assert float(line.get("x1", "0")) == pytest.approx(PLOT_LEFT + 0.6 * (PLOT_RIGHT - PLOT_LEFT))


def test_an_empty_histogram_is_a_frame_without_bars() -> None:
    root = parsed(charts.histogram("h", "Scores", [0] * 50))
    assert not of(root, "rect", "bar")
    assert root.find("desc") is not None


def test_the_operating_point_stands_on_the_curve() -> None:
    root = parsed(drawn()["curve"])
    (dot,) = of(root, "circle", "operating")
    (line,) = of(root, "polyline", "curve")
    last = line.get("points", "").split()[-1]
    assert [float(part) for part in last.split(",")] == pytest.approx(
        [float(dot.get("cx", "0")), float(dot.get("cy", "0"))], abs=0.06
    )
    assert not of(parsed(charts.precision_recall("c", "Curve", [], None)), "circle", "operating")


def test_load_draws_both_lines_on_one_scale() -> None:
    root = parsed(drawn()["load"])
    (before,), (after,) = of(root, "polyline", "before"), of(root, "polyline", "after")
    low, high = (float(line.get("points", "").split()[0].split(",")[1]) for line in (before, after))
    assert PLOT_BOTTOM - high == pytest.approx(2 * (PLOT_BOTTOM - low), abs=0.2)


def test_load_without_jobs_lies_on_the_ground() -> None:
    root = parsed(charts.load("l", "Load", [0.0] * 24, [0.0] * 24))
    for line in root.iter("polyline"):
        assert {point.split(",")[1] for point in line.get("points", "").split()} == {f"{PLOT_BOTTOM:.1f}"}


def test_reliability_draws_a_dot_and_a_whisker_for_each_bin() -> None:
    scores = np.array([0.05] * 200 + [0.95] * 200)
    bins = reliability(scores, np.array([False] * 200 + [True] * 20 + [False] * 180))
    root = parsed(charts.reliability("r", "Reliability", bins))
    assert len(of(root, "circle", "dot")) == len(of(root, "line", "whisker")) == 2
    assert len(of(root, "circle", "off")) == 2
    assert len(of(root, "line", "ideal")) == 1


def test_words_of_two_lines_stand_outside_of_both() -> None:
    root = parsed(charts.histogram("h", "Scores", [9] * 50, [Mark(0.8, "draft", "mark was"), Mark(0.73, "here")]))
    words = {text.text: text for text in root.iter("text") if text.get("class") == "on-mark"}
    assert words["here"].get("text-anchor") == "end"
    assert words["draft"].get("text-anchor") == "start"
    assert words["here"].get("y") != words["draft"].get("y")


def test_pairs_of_bars_are_as_long_as_their_numbers() -> None:
    root = parsed(charts.pairs("p", "Jobs", [("hate", 10.0, 20.0), ("a queue with a long name", 0.0, 5.0)]))
    now, before = of(root, "rect", "now"), [bar for bar in of(root, "rect", "bar") if bar.get("class") == "bar"]
    assert float(now[0].get("width", "0")) == pytest.approx(2 * float(before[0].get("width", "0")))
    assert any(text.text == "a queue with a …" for text in root.iter("text"))
    assert "hate: 10, then 20" in (root.findtext("desc") or "")


def test_words_from_elsewhere_are_escaped() -> None:
    root = parsed(charts.histogram("h", "<b>&", [1], [Mark(0.5, "</svg><script>")]))
    assert root.findtext("title") == "<b>&"
    assert any(text.text == "</svg><script>" for text in root.iter("text"))


def test_a_trend_ends_in_a_dot_and_alarms_are_marked() -> None:
    root = parsed(charts.spark([1, 2, 4], "Share", is_alarm=True))
    assert "alarm" in root.get("class", "")
    assert root.findtext("title") == "Share"
    (dot,) = root.iter("circle")
    assert float(dot.get("cx", "0")) == pytest.approx(94)
    assert "svg" not in charts.spark([], "Share")


@pytest.mark.parametrize(("value", "said"), [(0, "0"), (950, "950"), (1200, "1.2k"), (30_000, "30k"), (4e6, "4M")])
def test_axes_write_counts_shortly(value: float, said: str) -> None:
    assert charts.amount(value) == said


def test_heat_follows_powers_of_ten_of_the_share() -> None:
    counts = [[9000, 0, 0, 0, 0], [0, 0, 0, 0, 90], [0, 9, 0, 0, 0], [0, 0, 0, 0, 0], [1, 0, 0, 0, 900]]
    cells = charts.heat_cells(counts)
    assert (cells[0][0].heat, cells[0][0].way) == (5, "same")
    assert (cells[1][4].heat, cells[1][4].way) == (3, "stricter")
    assert (cells[2][1].heat, cells[2][1].way) == (2, "milder")
    assert cells[4][0].heat == 1
    assert cells[0][1].heat == 0
    assert sum(cell.share for row in cells for cell in row) == pytest.approx(1)


def test_an_empty_flow_has_no_heat() -> None:
    assert {cell.heat for row in charts.heat_cells([[0] * 5] * 5) for cell in row} == {0}
