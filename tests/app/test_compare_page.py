"""What a run can be laid beside on the page Compare."""

from pages.studio.run import _see as compare


def test_a_run_is_laid_beside_those_of_its_model_and_first_those_that_forgot_the_same(make_run):
    mine = make_run(forget=("Sandal",))
    bag = make_run(forget=("Bag",))
    same = make_run(forget=("Sandal",), method="finetune")
    drawn = make_run(model="emoji-sd", method="uce", forget=("cat",))
    make_run(status="failed", forget=("Sandal",))
    known = [drawn, bag, same, mine]
    assert [run_id for _, run_id in compare.comparable(mine.id, "", known)] == ["", same.id, bag.id]
    assert [run_id for _, run_id in compare.comparable(mine.id, drawn.id, known)] == ["", same.id, bag.id, drawn.id]
    assert [run_id for _, run_id in compare.comparable("", "", known)] == ["", drawn.id, bag.id, same.id, mine.id]


def test_the_list_is_made_anew_for_another_run(make_run):
    mine, same = make_run(forget=("Bag",)), make_run(forget=("Bag",))
    listed = [run_id for _, run_id in compare.beside_of(mine.id, "", "").choices]
    assert listed[:3] == ["", same.id, "example-forget-sandal"]
    assert not any("author" in run_id or "cat" in run_id for run_id in listed)
