"""The table of methods: its numbers by hand, nothing hidden, and one real job through the engine."""

import json

import pytest
from typer.testing import CliRunner

from backends.api.home import ASSETS
from backends.core import registry
from backends.metrics.average_gap import OVER
from backends.zoo import _documents, _table, _table_drawn
from backends.zoo.__main__ import build
from backends.zoo.table import others_busy


def row(method, seed, after, error=None, seconds=20.0, others=0.02):
    """One measured job; `after` holds UA, RA, TA and MIA."""
    before, reference = (1.0, 99.0, 91.0, 2.0), (100.0, 96.0, 90.0, 100.0)
    metrics = {
        name: {"before": b, "after": a, "reference": r}
        for name, b, a, r in zip(OVER, before, after, reference, strict=True)
    }
    made = {"model": "toy", "method": method, "target": "two", "seed": seed, "params": {}, "seconds": seconds}
    made |= {"epoch_seconds": 10.0, "peak_memory": 5e8, "device": "cpu (x)", "threads": 2, "forget_count": 80}
    made |= {"others": others}
    return made | ({"metrics": {}, "error": error} if error else {"metrics": metrics})


@pytest.fixture
def rows():
    """Two seeds: the reference averages to 100, 95, 90, 100."""
    return [
        row("fine_tune", 0, (50, 95, 90, 60)),
        row("fine_tune", 1, (70, 95, 90, 60)),
        row("ssd", 0, (100, 93, 88, 100)),
        row("ssd", 1, (100, 93, 88, 100)),
        row("retrain", 0, (100, 94, 90, 100), seconds=200.0),
        row("retrain", 1, (100, 96, 90, 100), seconds=180.0),
        row("worst_case", 0, (3, 95, 90, 3)),
        row("scrub", 0, (0, 0, 0, 0), error="The weights stopped being numbers."),
        row("scrub", 1, (0, 0, 0, 0), error="The weights stopped being numbers."),
    ]


def cells(table, title):
    line = next(line for line in table.splitlines() if line.startswith(f"| {title}"))
    return [cell.strip() for cell in line.strip("|").split("|")][1:]


def title(name):
    return registry.get("methods", name).entry.title


def test_mean_deviation_gap_time_and_memory(rows):
    table = _table.table(rows)
    # |50-100| + 0 + 0 + |60-100| = 90 over four is 22.5; the other seed's is 17.5
    assert cells(table, title("fine_tune")) == ["60.0 ± 14.1", "95.0", "90.0", "60.0", "20.00 ± 3.54", "2.0", "500 MB"]
    assert cells(table, title("ssd")) == ["100.0", "93.0", "88.0", "100.0", "1.00", "2.0", "500 MB"]
    assert cells(table, title("retrain"))[4:6] == ["0.25", "19.0"]


def test_a_time_is_shown_only_where_the_machine_was_idle(rows):
    rows[0]["others"], rows[1]["others"] = 0.5, 1.5  # cores that something else had
    table = _table.table(rows)
    assert cells(table, title("fine_tune"))[5:] == ["–", "500 MB"]
    assert cells(table, title("ssd"))[5:] == ["2.0", "500 MB"]
    for one in rows:
        one["others"] = None  # of old rows nobody knows
    table = _table.table(rows)
    assert "time" not in table.lower() and cells(table, title("ssd"))[5:] == ["500 MB"]


def test_what_others_used_is_the_whole_machine_less_the_job():
    assert others_busy((100.0, 10.0), (130.0, 30.0), 20.0) == 0.5
    assert others_busy((100.0, 10.0), (119.9, 30.0), 20.0) == 0.0  # two clocks


def test_seeds_that_came_to_the_same_numbers_are_named(rows):
    assert f"{title('ssd')}: the same numbers with seed 0 and 1." in _table.table(rows)
    assert f"{title('fine_tune')}: the same" not in _table.table(rows)


def test_the_reference_first_then_by_gap_then_what_has_none(rows):
    lines = _table.table(rows).splitlines()
    places = [
        next(at for at, line in enumerate(lines) if line.startswith(f"| {title(name)}"))
        for name in ("retrain", "ssd", "fine_tune", "scrub")
    ]
    assert places == sorted(places)


def test_nothing_is_hidden(rows):
    table = _table.table(rows)
    assert cells(table, title("scrub"))[0] == "failed"
    assert "failed with seed 0, 1: The weights stopped being numbers." in table
    assert cells(table, title("worst_case"))[4] == "–"
    assert "measured on the 80 images that it found" in table
    assert cells(table, "*original model*")[:4] == ["1.0", "99.0", "91.0", "2.0"]
    assert cells(table, "*shipped retrained reference*")[4] == "0.25"


def test_what_was_not_measured_is_a_dash(rows):
    rows[2]["metrics"]["mia_efficacy"]["after"] = "NaN"
    assert cells(_table.table(rows), title("ssd"))[3:5] == ["–", "–"]


def test_without_a_model_trained_again_there_is_no_gap(rows):
    table = _table.table([row for row in rows if row["method"] != "retrain"])
    assert cells(table, title("ssd"))[:5] == ["100.0", "93.0", "88.0", "100.0", "–"]


def test_one_table_for_each_target(rows):
    more = [dict(entry, target="random:10%") for entry in rows]
    text = _table.tables(rows + more)
    assert text.index("forgetting two") < text.index("forgetting random:10%")
    assert text.count("average gap | time | memory |") == 2


def test_only_what_stands_between_the_markers_is_replaced():
    text = f"before\n{_table.BEGIN}\nold\n{_table.END}\nafter\n"
    made = _table.into(text, "new")
    assert made == f"before\n{_table.BEGIN}\nnew\n{_table.END}\nafter\n"
    assert _table.into(made, "new") == made
    with pytest.raises(ValueError, match="table:end"):
        _table.into(f"before {_table.BEGIN}", "new")


@pytest.mark.slow
def test_a_measured_job_is_kept_and_not_done_again(tmp_path):
    """Through the engine, on the embedded model, for three images."""
    measured = tmp_path / "measured"
    for name, text in _documents.documents(ASSETS.parent, ASSETS / "measured").items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    asked = ["table", "--only", "ssd", "--target", "images:1,2,3", "--seed", "0", "--to", str(measured)]
    asked += ["--root", str(tmp_path)]
    first = CliRunner().invoke(build(), asked)
    assert first.exit_code == 0, first.output
    (made,) = json.loads((measured / "fashion-resnet.json").read_text())
    assert (made["method"], made["target"], made["seed"], made["forget_count"]) == ("ssd", "images:1,2,3", 0, 3)
    assert made["others"] >= 0 and made["seconds"] > 0 and made["epoch_seconds"] > 0 and made["peak_memory"] > 1e8
    assert all(0 <= made["metrics"][name]["after"] <= 100 for name in OVER)
    assert "forgetting images:1,2,3" in (tmp_path / "docs/results/classifiers.md").read_text()
    again = CliRunner().invoke(build(), asked)
    assert again.exit_code == 0 and "ssd" not in again.output
    assert json.loads((measured / "fashion-resnet.json").read_text()) == [made]


def drawn_row(seed, device, seconds):
    shares = {name: {"before": 0.0, "after": 90.0} for name in _table_drawn.SHARES}
    metrics = shares | {"fid": {"before": 1.0, "after": 2.0}, "storage": {"after": 0.5}}
    made = {"model": "painter", "method": "uce", "target": "cat", "seed": seed, "metrics": metrics}
    return made | {"seconds": seconds, "peak_memory": 1e8 * seconds, "device": device, "threads": 1, "others": 0.0}


def test_times_of_two_machines_are_never_mixed():
    rows = [drawn_row(0, "cpu (x)", 4.0), drawn_row(1, "cpu (x)", 6.0), drawn_row(2, "cuda (y)", 1.0)]
    said = _table_drawn.tables(rows)
    assert "| 5.0 s | 600 MB |" in said
    assert (
        "time: the method alone, median, on cpu (x), 1 thread; some of the jobs ran on cuda (y), 1 thread, idle;"
        in said
    )
    loaded = _table_drawn.tables([one | {"others": 2.0} for one in rows])
    assert "time" not in loaded and "| 600 MB |" in loaded


def test_what_a_method_was_told_stands_in_a_row_of_its_own():
    rows = [drawn_row(0, "cpu (x)", 4.0), drawn_row(0, "cpu (x)", 4.0) | {"given": {"preserve_scale": 0.0}}]
    said = _table_drawn.tables(rows)
    assert f"| {title('uce')} ·" in said and f"| {title('uce')}; preserve scale 0.0 ·" in said
