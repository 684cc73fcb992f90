"""What a run can be laid beside."""

from pages.studio.run import _head


def test_a_run_is_laid_beside_those_of_its_model_and_first_those_that_forgot_the_same(make_run):
    mine = make_run(forget=("Sandal",))
    bag = make_run(forget=("Bag",))
    same = make_run(forget=("Sandal",), method="finetune")
    drawn = make_run(model="emoji-sd", method="uce", forget=("cat",))
    listed = _head.comparable(mine, [drawn, bag, same])
    assert [(group, [run_id for _, run_id, _ in each]) for group, each in listed] == [
        (_head.ALIKE, [same.id]), (_head.MODEL, [bag.id]), (_head.OTHER, [drawn.id]),
    ]  # fmt: skip


def test_only_a_finished_run_is_offered_as_the_second_one(make_run):
    mine, failed, other = (
        make_run(status, forget=("Sandal",), seed=at) for at, status in enumerate(("done", "failed", "done"))
    )
    head = str(_head.look(f"?id={mine.id}")[0])
    first, second = (part.partition("</select>")[0] for part in head.split("<select")[1:])
    assert failed.id in first and other.id in first and failed.id not in second and other.id in second


def test_a_second_run_from_the_address_stays_chosen(make_run):
    mine, other = make_run(forget=("Sandal",)), make_run(model="emoji-sd", method="uce", forget=("cat",))
    assert f'<option value="{other.id}" selected>' in str(_head.look(f"?id={mine.id}&with={other.id}")[0])
