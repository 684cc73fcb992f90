"""What papers claim beside what was measured: the page is in step, and each claim has its three seeds with the settings it names."""

from backends.api import files
from backends.api.home import ASSETS
from backends.core import registry
from backends.zoo import claims


def test_the_page_is_in_step():
    assert claims.PAGE.read_text("utf-8") == claims.written(ASSETS / "measured"), "run python -m backends.zoo claims"


def test_each_claim_was_measured_with_three_seeds():
    tables = files.read_json(ASSETS / "measured" / f"{claims.MODEL}.json")
    own = files.read_json(ASSETS / "measured" / "claims" / f"{claims.MODEL}.json")
    for claim in claims.CLAIMS:
        rows = [
            row
            for row in (own if claim.settings else tables)
            if row["method"] == claim.method and row.get("given", {}) == claim.settings
        ]
        of_target = [row for row in rows if row["target"] == claims.first_target()]
        assert sorted(row["seed"] for row in of_target) == list(claims.SEEDS)
        for row in of_target:
            assert (
                registry.get("methods", claim.method).parse(row["params"]).model_dump() | claim.settings
                == row["params"]
            )


def test_what_is_not_measured_is_a_dash(tmp_path):
    files.write_json(tmp_path / f"{claims.MODEL}.json", [])
    lines = [line for line in claims.written(tmp_path).splitlines() if line.startswith("| ")]
    assert len(lines) == 1 + len(claims.CONTROLS) + len(claims.CLAIMS)
    assert all(line.endswith("– | – | – | – |") for line in lines[1:])
