"""The court is tried with the original and the references of runs that were attacked."""

import shutil

from planted_court import planted

from backends.api import runs
from backends.api.home import ASSETS
from backends.zoo import court_tried

REFUSES = {"plain": 0.01} | dict.fromkeys(("ask", "sample", "relearn", "inside"), 0.5)


def test_the_table_holds_every_planted_case(home, tmp_path):
    run_id, shipped = "20260101-000000-untested", ASSETS / "runs" / "example-author-refused"
    shutil.copytree(shipped, home / "runs" / run_id, ignore=shutil.ignore_patterns("attack"))
    run = runs.find(run_id)
    assert list(court_tried.rows(run)) == [], "nobody attacked it"
    for test in planted(unlearned=REFUSES, items=200):
        test.save(home / "attack" / run.id / test.attack)
    court_tried.main([run.id], tmp_path / "court.md")
    table = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in (tmp_path / "court.md").read_text().splitlines()[8:]
    ]
    cases = {row[1]: row[2:4] for row in table}
    assert cases["the original"] == ["still there", "still there"] and cases["nothing: as it is"] == ["", "hidden"]
    references = [cases[f"reference {number} of 5"] for number in range(1, 6)]
    assert len(cases) == 7 and all(judged in expected for expected, judged in references)
    assert table[-1][4] == "4 of 4" and table[-1][5].endswith(" %") and "," in table[-1][6]
