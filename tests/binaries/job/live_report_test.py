"""The report of a study that is still being trained."""

import io
import json
import re

import fabricate
import pytest
from stub_training import cohorts
from waiting import wait_until

from yosinski_tf.binaries.job import live_report
from yosinski_tf.binaries.job.live_report import LiveReport
from yosinski_tf.scheduling.events import Event, EventKind
from yosinski_tf.scheduling.progress import Display
from yosinski_tf.study.records import write_record

WANTED = ["random-0-baseB-s0", "random-0-A3B-s0", "random-0-A3B+-s0"]
(COHORT, *_) = cohorts("A3B")


def finish(live, runs, treatment, display):
    """A network ends, and the report is asked for."""
    write_record(runs, fabricate.record(treatment, 0.5))
    live.show(Event(EventKind.FINISHED, COHORT), display)


@pytest.fixture
def stream():
    return io.StringIO()


@pytest.fixture
def display(stream):
    return Display({COHORT.cohort_id: 1.0}, 100, stream)


def banner(runs):
    text = (runs / "report" / "index.html").read_text()
    found = re.search(r'role="status">\s*(.*?)\s*<progress', text, re.S)
    return found and found[1], 'http-equiv="refresh"' in text


def test_the_page_says_how_far_the_study_is_and_what_became_of_it(tmp_path, display):
    page = tmp_path / "report" / "index.html"
    with LiveReport(tmp_path, "top1", WANTED) as live:
        live.show(Event(EventKind.STARTED, COHORT), display)
        finish(live, tmp_path, "baseB", display)
        wait_until(page.exists, 60)
        text, reloads = banner(tmp_path)
        assert "still running: 1 of 3 networks are trained, time left unknown" in text
        assert reloads
        assert (tmp_path / "report" / "figure2.png").exists()
        finish(live, tmp_path, "A3B", display)
    text, reloads = banner(tmp_path)
    assert "was stopped: 2 of 3 networks are trained. The same command" in text
    assert not reloads
    assert json.loads((tmp_path / "report" / "recommendation.json").read_text())["best"]


def test_a_complete_study_needs_no_last_word(tmp_path, display):
    with LiveReport(tmp_path, "top1", WANTED) as live:
        finish(live, tmp_path, "baseB", display)
        wait_until((tmp_path / "report" / "index.html").exists, 60)
        live.complete = True
    assert "still running" in banner(tmp_path)[0]


def test_a_folder_that_cannot_be_written_to_is_told_once(tmp_path, display, stream):
    (tmp_path / "report").write_text("a file in the way")
    told = stream.getvalue
    with LiveReport(tmp_path, "top1", WANTED) as live:
        for _ in range(2):
            finish(live, tmp_path, "baseB", display)

        def looked():
            live.show(Event(EventKind.PROGRESS, COHORT), display)
            return "training goes on" in told()

        wait_until(looked, 60)
        # The process has ended: nothing is asked of it any more.
        finish(live, tmp_path, "A3B", display)
        live.show(Event(EventKind.PROGRESS, COHORT), display)
    assert told().count("training goes on") == 1
    assert "] the report cannot be written (" in told()


@pytest.mark.slow
def test_a_study_that_goes_on_has_a_page_that_says_so(tmp_path, display):
    with LiveReport(tmp_path, "top1", WANTED) as live:
        finish(live, tmp_path, "baseB", display)
        wait_until((tmp_path / "report" / "index.html").exists, 60)
    assert "was stopped" in banner(tmp_path)[0]
    with LiveReport(tmp_path, "top1", WANTED) as live:
        live.show(Event(EventKind.STARTED, COHORT), display)
        wait_until(lambda: "still running" in banner(tmp_path)[0], 60)


def test_a_process_that_does_not_start_stops_nothing(tmp_path, display, monkeypatch):
    def refuse(*unused, **options):
        raise OSError("no more processes")

    monkeypatch.setattr(live_report.cohort_process, "start", refuse)
    with LiveReport(tmp_path, "top1", WANTED) as live:
        finish(live, tmp_path, "baseB", display)
    assert not (tmp_path / "report").exists()
