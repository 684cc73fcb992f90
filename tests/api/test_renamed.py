"""An id that was given up is accepted wherever an id comes in: run folders, measured rows, tuned settings, jobs."""

import json

import pytest

from backends.api import benchmarks, catalog, estimate, submit
from backends.api.renamed import current, renamed
from backends.api.runs import RunFolder
from backends.api.spec import JobSpec
from backends.api.tuned_params import Tuned
from backends.core import registry

OLD = {"ascent": "gradient_ascent_llm", "random_labels_text": "random_label_llm"}
FIELDS = {"model": "authors-lm", "forget": ["forget10"]}


@pytest.mark.parametrize("kind", ["methods", "metrics", "inspectors", "attacks"])
def test_every_old_id_stands_for_one_entry_and_is_taken_by_none(kind):
    entries = registry.entries(kind)
    old = [(was, name) for name, one in entries.items() for was in one.entry.was]
    assert dict(old) == renamed(kind) and len(dict(old)) == len(old)
    assert not renamed(kind).keys() & entries.keys()
    for was, name in old:
        assert registry.get(kind, was) is entries[name]
        assert catalog.load().get(kind, was).id == name


def test_the_methods_that_were_renamed_are_known_by_both_names():
    assert OLD.items() <= renamed("methods").items()
    assert current("methods", "ssd") == "ssd" and current("methods", "no such") == "no such"


@pytest.mark.parametrize("old", OLD)
def test_an_old_run_opens_under_the_name_of_today(tmp_path, old):
    path = tmp_path / "20260101-000000-old-aaaa"
    path.mkdir()
    (path / "spec.json").write_text(json.dumps({**FIELDS, "method": old}))
    assert RunFolder(path).spec.method == OLD[old]
    assert json.loads((path / "spec.json").read_text())["method"] == old  # its folder stays as it was


@pytest.mark.parametrize("old", OLD)
def test_a_job_asked_for_by_the_old_name_is_the_job_of_the_new_one(old):
    first, second = (submit.check(JobSpec(**FIELDS, method=method)) for method in (old, OLD[old]))
    assert first == second and first.method == OLD[old] and first.params


def test_what_was_tuned_and_measured_under_an_old_name_counts_for_the_new_one():
    assert Tuned(method="ascent", params={}).method == OLD["ascent"]
    rows = [row for table in benchmarks.tables().values() for row in table if row.model.startswith("authors")]
    assert OLD["ascent"] in {row.method for row in rows} and "ascent" not in {row.method for row in rows}
    for name in OLD.values():
        assert estimate.estimate("authors-lm", name, {}) is not None
