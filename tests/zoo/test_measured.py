"""What the shipped tables stand on: seeds that are no copies of each other, and settings that the methods still have."""

import json
from collections import defaultdict

import pytest

from backends.api import benchmarks
from backends.core import registry
from backends.zoo._table import COSTS, alike

# Where seeds may come to the same numbers, and why.
SAME = {
    "ssd": "draws nothing",
    "uce": "draws nothing",
    "influence": "draws one image, which a model that is sure of it makes count for nothing",
}
TABLES = benchmarks.tables()
ROWS = {table: [row.model_dump() for row in rows] for table, rows in TABLES.items()}


@pytest.mark.parametrize("table", ROWS)
def test_no_seed_is_a_copy_of_another(table):
    groups = defaultdict(list)
    for row in ROWS[table]:
        groups[row["method"], row["target"], json.dumps(row["given"])].append(row)
    copies = {key: seeds for key, rows in groups.items() if (seeds := alike(rows)) and key[0] not in SAME}
    assert not copies


def test_a_copy_would_be_found():
    row = next(row for rows in ROWS.values() for row in rows if row["method"] not in SAME and row["metrics"])
    other = dict(row, seed=99, metrics=row["metrics"] | {name: {"after": 1.0} for name in COSTS})
    assert alike([row, other]) == [[row["seed"], 99]]


@pytest.mark.parametrize("table", ROWS)
def test_what_was_measured_has_settings_that_its_method_takes(table):
    """A row with settings that its method no longer takes was made by other code."""
    for row in ROWS[table]:
        registry.get("methods", row["method"]).parse(row["params"])
