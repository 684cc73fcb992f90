"""How far a job is, told to a function; and Ctrl-C, which cancels it and keeps what there is."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import lethe
from backends.api import runs

ROOT = Path(__file__).resolve().parents[2]
LONG = """
import lethe
lethe.unlearn(model="fashion-resnet", method="fine_tune", forget="Sandal", keep="images:" + ",".join(map(str, range(2000))), epochs=200,
              progress=lambda progress: print(progress.phase, progress.step, progress.of, progress.sentence, sep="|", flush=True))
"""


def test_steps_and_sentences_reach_the_function():
    from lethe._progress import watcher

    heard: list[lethe.Progress] = []
    calls = watcher(heard.append)
    calls.show({"phase": "learn", "step": 3, "of": 9, "seconds": 1.5, "values": {"loss": 0.25, "gap": "NaN"}})
    calls.line("waiting")
    calls.line("waiting")
    calls.say("Done.")
    calls.end()
    first, *others = heard
    assert (first.phase, first.step, first.of, first.seconds, first.values["loss"]) == ("learn", 3, 9, 1.5, 0.25)
    assert [one.sentence for one in others] == ["waiting", "Done."]


@pytest.mark.slow
def test_ctrl_c_cancels_the_job_and_keeps_what_there_is(new_home, monkeypatch):
    where = new_home()
    monkeypatch.setenv("LETHE_HOME", str(where))
    environment = os.environ | {"LETHE_THREADS": "1", "LETHE_PRECISION": "float32"}
    process = subprocess.Popen(
        [sys.executable, "-c", LONG],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines = []
    for line in process.stdout:
        lines.append(line.strip().split("|"))
        if lines[-1][0] not in ("", "load") and int(lines[-1][1]) > 0:
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGINT or "KeyboardInterrupt" in err, err
    assert lines[0][3].startswith("Run ")
    run = lethe.open(lines[0][3].removeprefix("Run "))
    end = time.monotonic() + 20
    while run.status != "cancelled" and time.monotonic() < end:
        time.sleep(0.1)
    assert run.status == "cancelled"
    assert runs.find(run.id).events() and (run.folder / "spec.json").is_file()
    assert not (run.folder / "result.json").exists()
