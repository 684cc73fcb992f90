"""The tab "Does it come back?": it says what was not tested, and leads to what can be looked at."""

from pages.studio.run import _comeback


def test_a_finished_run_is_not_called_erased_and_leads_to_looks_of_its_family(make_run):
    run = make_run(model="authors-lm", method="npo", forget=("Ivo Pemberly",))
    html = _comeback.opened(f"?id={run.id}&tab=back", "")
    assert "has not been tested in this run" in html and "inspector=linear_probe" in html
    assert "inspector=forced_routing" not in html


def test_a_run_that_is_not_done_and_an_unknown_one_get_a_sentence(make_run):
    run = make_run(status="running")
    assert "before the run is done" in _comeback.opened(f"?id={run.id}", "")
    assert "There is no run" in _comeback.opened("?id=nosuch", "")
