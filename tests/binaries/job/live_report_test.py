"""The report of a study that is still being trained."""

import io
import json
import re
import time

import fabricate
import pytest
from stub_training import cohorts

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


def wait_for(found, seconds=60):
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def display():
    return Display({COHORT.cohort_id: 1.0}, 100, io.StringIO())


def banner(runs):
    text = (runs / "report" / "index.html").read_text()
    found = re.search(r'role="status">\s*(.*?)\s*<progress', text, re.S)
    return found and found[1], 'http-equiv="refresh"' in text


def test_the_page_says_how_far_the_study_is_and_what_became_of_it(tmp_path, display):
    page = tmp_path / "report" / "index.html"
    with LiveReport(tmp_path, "top1", WANTED) as live:
        live.show(Event(EventKind.STARTED, COHORT), display)
        finish(live, tmp_path, "baseB", display)
        wait_for(page.exists)
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
        wait_for((tmp_path / "report" / "index.html").exists)
        live.complete = True
    assert "still running" in banner(tmp_path)[0]


def test_a_folder_that_cannot_be_written_to_is_told_once(tmp_path, display):
    (tmp_path / "report").write_text("a file in the way")
    told = display._stream.getvalue
    with LiveReport(tmp_path, "top1", WANTED) as live:
        finish(live, tmp_path, "baseB", display)

        def looked():
            live.show(Event(EventKind.PROGRESS, COHORT), display)
            return "training goes on" in told()

        wait_for(looked)
        finish(live, tmp_path, "A3B", display)
        time.sleep(0.5)
        live.show(Event(EventKind.PROGRESS, COHORT), display)
    assert told().count("training goes on") == 1
    assert re.search(r"\] .*report.*; training goes on\n", told())
