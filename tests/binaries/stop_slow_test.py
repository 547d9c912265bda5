"""Ctrl-C and SIGTERM end the embedded study within 10 seconds at any moment.

The study is that of `flags/quickstart.flags` with fewer steps. The test takes about
4 minutes on 2 busy cores.
"""

import os
import signal
import time

import pytest
from commands import last_step, start
from places import ROOT

pytestmark = pytest.mark.slow

SECONDS = 10
FIRST, COPIES = "_first: 5 networks", "_copies: 14 networks"
# A line of the output, an event to wait for after it, and seconds after that.
MOMENTS = (
    (FIRST, None, 0.3),
    (FIRST, None, 5.0),
    (COPIES, None, 1.0),
    (COPIES, None, 6.0),
    (COPIES, None, 14.0),
    (COPIES, "steps", 0.5),
    (COPIES, "validation", 0.2),
    (COPIES, "validation", 2.0),
    (COPIES, "steps", 4.0),
)


def test_the_embedded_study_ends_within_ten_seconds(tmp_path, capsys):
    runs, output = tmp_path / "runs", tmp_path / "output"
    for index, (line, event, delay) in enumerate(MOMENTS):
        process = start(
            "study",
            f"--flagfile={ROOT / 'flags/quickstart.flags'}",
            f"--runs={runs}",
            *("--steps=300", "--validate_every=20", "--checkpoint_every=5steps"),
            output=output,
            start_new_session=True,
        )
        found = last_step(runs, "*_copies")

        def reached(line=line, event=event, found=found):
            if line not in output.read_text():
                return False
            step = last_step(runs, "*_copies")
            if event is None:
                return True
            # The checkpoint before a validation is of the same step.
            return step > found and (event == "steps" or step % 20 == 0)

        while not reached():
            assert process.poll() is None, output.read_text()
            time.sleep(0.02)
        time.sleep(delay)
        started = time.monotonic()
        if index % 2:
            process.send_signal(signal.SIGTERM)
        else:
            # As a terminal does.
            os.killpg(process.pid, signal.SIGINT)
        code = process.wait(timeout=120)
        took = time.monotonic() - started
        with capsys.disabled():
            print(
                f"\n{line[1:7]} {event} +{delay:g} s: {took:.1f} s, code {code}", end=""
            )
        assert took < SECONDS
        assert code == (143 if index % 2 else 130)
        text = output.read_text()
        assert "the same command goes on from here" in text or (
            "before anything was saved; the same command starts again" in text
        )
        assert "Traceback" not in text
