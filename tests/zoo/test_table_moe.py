"""The tables of mixtures of experts: one row for what a method was told, the steadiest routing first."""

from backends.zoo import _table_moe

NAMES = ("fact_recall: neighbour", "fact_recall: unrelated")


def row(method, seed, stable, given=None, facts=5.0):
    metrics = {name: {"before": 100.0, "after": 90.0, "reference": 95.0} for name in NAMES}
    metrics |= {
        "fact_recall": {"before": 100.0, "after": facts, "reference": 10.0},
        "rerouted_recall": {"before": None, "after": 2 * facts, "reference": None},
        "model_utility": {"before": 0.8, "after": 0.76, "reference": 0.8},
        "routing_stability": {"before": None, "after": stable, "reference": None},
        "routing_stability: layers that could shift": {"before": None, "after": stable - 0.1, "reference": None},
        "weights_changed": {"before": None, "after": 2.74, "reference": None},
    }
    made = {"model": "authors-moe", "method": method, "target": "Ivo Pemberly", "seed": seed, "metrics": metrics}
    made |= {"seconds": 3.0, "peak_memory": 1e8, "device": "cpu (x)", "threads": 1, "given": given or {}}
    return made | {"others": 0.0}


def test_what_a_method_was_told_tells_its_rows_apart_and_the_steadiest_stands_first():
    rows = [row("npo", 0, 0.8), row("npo", 0, 0.9, {"weights": "experts"}), row("seuf", 0, 0.96), row("seuf", 1, 0.94)]
    lines = [line for line in _table_moe.tables(rows).splitlines() if line.startswith("| ")][1:]
    assert [line.split("|")[1].partition(" · ")[0].strip() for line in lines] == [
        "Selected-Expert Unlearning (SEUF)",
        "Negative Preference Optimization (NPO); weights experts",
        "Negative Preference Optimization (NPO)",
        "*original model*",
        "*retrained reference*",
    ]
    assert "| 5.0 | 10.0 | 95.0 | 90.0 | 90.0 | 0.95 ± 0.01 | 0.85 ± 0.01 | 2.7 % | 3.0 s |" in lines[0]
    assert "| 10.0 | – | 100.0 | 95.0 | 95.0 | – | – | – | – |" in lines[-1]


def test_rows_of_a_mixture_stand_in_its_own_table():
    text = f"a {_table_moe.BEGIN}\nother rows\n{_table_moe.END} b"
    made = _table_moe.into(text, [row("npo", 0, 0.8)])
    assert "other rows" not in made and made.startswith("a ") and made.endswith(" b")
