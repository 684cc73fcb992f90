"""The tier of each test is read from what it needs, and the quick one needs no model library."""

import json
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
import tiers

ROOT = tiers.TESTS.parent


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("json", "unit"),
        ("backends.api.runs", "unit"),
        ("app.server", "unit"),
        ("backends.apiary", "job"),
        ("backends.registry", "job"),
        ("torch.nn.functional", "job"),
        ("subprocess", "job"),
        ("playwright.sync_api", "browser"),
    ],
)
def test_what_a_test_imports_decides_its_tier(name, expected):
    assert tiers.tier(frozenset({"json", name})) == expected


def test_imports_count_wherever_they_stand(tmp_path):
    path = tmp_path / "test_a.py"
    path.write_text("import json\ndef test_one():\n    from torch import nn\n")
    assert tiers.needs(path) == {"json", "torch.nn"}
    assert tiers.needs(path, "") == {"json"}


def test_what_a_helper_file_imports_counts(tmp_path):
    path = tmp_path / "test_b.py"
    path.write_text("import toy\n")
    assert tiers.tier(tiers.needs(path)) == "job"


@pytest.mark.parametrize(("fixture", "expected"), [("home", "unit"), ("toy_folder", "job")])
def test_a_fixture_brings_only_its_own_needs(fixture, expected):
    assert tiers.tier(tiers.needs(tiers.TESTS / "conftest.py", fixture)) == expected


def test_the_browser_s_tests_are_in_two_groups():
    groups = [tiers.group_of(f"browser/{path.name}") for path in tiers.TESTS.glob("browser/test_*.py")]
    assert set(groups) == {"browser", "second browser"} and groups.count("second browser") == len(tiers.SECOND)


def test_this_test_starts_processes_and_is_a_job(request):
    assert [mark.name for mark in request.node.iter_markers() if mark.name in tiers.TIERS] == ["job"]


class Item:
    """A collected test of a file, with the marks that it bears."""

    _fixtureinfo = SimpleNamespace(name2fixturedefs={})

    def __init__(self, name, *marks):
        self.path, self.marks = tiers.TESTS / name, {mark: mark for mark in marks}

    def add_marker(self, mark):
        self.marks |= {mark: mark} if isinstance(mark, str) else {mark.name: mark}

    def get_closest_marker(self, name):
        return self.marks.get(name)


def test_browser_tests_come_first_in_one_process_and_then_files_with_a_slow_test_and_shared_servers():
    goals, chain, again, odd, walk = (
        Item("api/test_goals.py"),
        Item("engine/test_engine.py"),
        Item("engine/test_engine.py", "slow"),
        Item("attacks/test_odd_requests.py"),
        Item("browser/test_foreign_frame.py"),
    )
    items = [goals, chain, again, odd, walk]
    tiers.pytest_collection_modifyitems(items)
    assert items == [walk, chain, again, odd, goals]


@pytest.mark.parametrize(
    ("path", "group"),
    [
        ("browser/test_board.py", "browser"),
        ("browser/test_axe.py", "second browser"),
        ("engine/test_engine.py", "engine/test_engine.py"),
        ("attacks/test_odd_requests.py", "attacks"),
    ],
)
def test_a_group_is_a_file_or_what_shares_a_server(path, group):
    assert tiers.group_of(path) == group


def test_the_tests_of_a_group_go_to_one_process():
    """Not every pair of pytest and xdist keeps them together, and nothing but the time that all take would show it."""
    files = ("tests/boundaries/test_circles.py", "tests/api/test_goals.py")
    command = [
        *[
            "-m",
            "pytest",
            "-n",
            "2",
            "--dist",
            "loadscope",
            "--no-loadscope-reorder",
            "-m",
            "unit",
            "-v",
            "-p",
            "no:cacheprovider",
        ],
        *files,
    ]
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=300)
    ran = re.findall(r"^\[(gw\d)\].* (?:PASSED|FAILED) (tests/\S+?\.py)::", done.stdout, re.MULTILINE)
    assert {path for _, path in ran} == set(files) and len(ran) > 10
    assert all(len({worker for worker, path in ran if path == file}) == 1 for file in files)


@pytest.mark.parametrize(("expression", "more"), [("unit", 0), ("not unit", 1), ("", 1)])
def test_tests_that_wait_for_others_get_a_process_more_than_there_are_cores(monkeypatch, expression, more):
    monkeypatch.delenv("PYTEST_XDIST_AUTO_NUM_WORKERS", raising=False)
    monkeypatch.setattr(tiers.os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    config = SimpleNamespace(option=SimpleNamespace(markexpr=expression))
    assert tiers.pytest_xdist_auto_num_workers(config) == 3 + more


RUN = """
import json, sys, pytest
code = int(pytest.main(["-q", "-p", "no:cacheprovider", "-m", "unit", *sys.argv[1:]]))
loaded = sorted({name.split(".")[0] for name in sys.modules})
try:
    import torch
    message = ""
except ModuleNotFoundError as error:
    message = str(error)
print(json.dumps({"code": code, "loaded": loaded, "message": message}))
"""


def test_a_run_of_unit_tests_opens_no_other_and_cannot_load_a_model_library():
    places = ["tests/api/test_job_spec.py", "tests/models", "tests/api/test_goals.py"]
    done = subprocess.run(
        [sys.executable, "-c", RUN, *places], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    *_, last = done.stdout.splitlines()
    told = json.loads(last)
    assert told["code"] == 0, done.stdout
    assert "test_job_spec" in told["loaded"] and "test_targets" not in told["loaded"]
    assert not tiers.LIBRARIES & set(told["loaded"])
    assert "torch is imported by a unit test" in told["message"]
