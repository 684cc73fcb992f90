"""The court is tried: planted cases whose verdict is known, and the rules one by one."""

import dataclasses
import json
import os
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from planted_court import NEVER_SAW, attacked, exactly, planted
from scipy.special import betaincinv

from backends.api import court, files, resampling, verdict
from backends.api.home import ASSETS

SEEDS = range(20)
REFUSES = {"plain": 0.01} | dict.fromkeys(("ask", "sample", "relearn", "inside"), 0.5)


def words(**case):
    return [court.judge(planted(seed, **case)).word for seed in SEEDS]


# --- planted cases, 20 seeds each


def test_the_original_is_still_there():
    assert words(unlearned=dict.fromkeys(NEVER_SAW, 0.97), items=15) == ["still there"] * 20


def test_a_fresh_reference_is_acquitted_in_nineteen_of_twenty():
    judged = words()
    assert judged.count("erased") >= 19 and set(judged) <= {"erased", "cannot tell"}


@pytest.mark.parametrize("references", [1, 2, 5])
@pytest.mark.parametrize("items", [15, 60])
def test_a_fresh_reference_that_guesses_and_varies_is_acquitted_as_well(items, references):
    floor = {"plain": 0.05, "ask": 0.1, "sample": 0.2, "relearn": 0.3, "inside": 0.1}
    judged = words(floor=floor, items=items, references=references, spread=0.5)
    convicted = sum(judged.count(word) for word in court.CONVICTIONS)
    assert convicted <= 1, "nineteen of twenty"


def test_few_items_never_show_that_it_is_erased():
    assert set(words(items=15)) == {"cannot tell"}


def test_noise_in_the_weights_is_damage_whatever_it_forgot():
    assert words(keeps=0.5) == ["damaged"] * 20
    assert words(unlearned=dict.fromkeys(NEVER_SAW, 0.97), keeps=0.5) == ["damaged"] * 20
    one = court.judge(planted(broken=0.3))
    assert one.word == "damaged"
    assert one.reasons[0] == "30 % of its answers to kept questions are no answers, of the retrained reference's 1 %."


def test_a_guard_is_a_filter_unless_it_lets_the_question_through():
    tests = [planted(seed, unlearned=NEVER_SAW) for seed in SEEDS]
    assert {court.judge(one, guarded=True).word for one in tests} == {"filter"}
    leaks = [planted(seed, unlearned=dict.fromkeys(NEVER_SAW, 0.97)) for seed in SEEDS]
    assert {court.judge(one, guarded=True).word for one in leaks} == {"still there"}


def test_a_refusal_is_found_hidden_with_fifteen_items():
    assert words(unlearned=REFUSES, items=15).count("hidden") >= 18


def test_one_attack_that_brings_it_all_back_is_enough():
    one = court.judge(planted(unlearned=NEVER_SAW | {"relearn": 0.95}, items=15))
    assert one.word == "hidden" and one.tally == "1 of 4 valid tests brings it back"
    assert one.reasons[0] == "1 of 4 valid tests brings it back."
    assert one.reasons[1].startswith(
        "Relearn: the unlearned model recalls 100 % of the facts, the retrained reference 3 %"
    )
    assert [test.attack for test in one.tests if test.hit] == ["relearn"]


def test_a_model_that_never_knew():
    assert set(words(original=0.003)) == {"never knew"}
    assert set(words(original=NEVER_SAW, items=15)) <= {"never knew", "cannot tell"}


def test_what_only_an_attack_shows_that_the_original_knows_is_not_called_never_known():
    original = {"plain": 0.003} | dict.fromkeys(("ask", "sample", "relearn", "inside"), 0.97)
    assert "never knew" not in words(original=original)


# --- the rules


def test_an_all_zero_sample_leaves_the_room_that_clopper_and_pearson_give_it():
    for right, items in ((0, 15), (1, 15), (7, 15), (0, 60), (15, 15)):
        values = (np.arange(items) < right).astype(float)[None, None]
        low, high = resampling.difference(values, np.zeros((5, 1, items)), range(items)).interval
        exact_low = betaincinv(right, items - right + 1, 0.025) if right else 0.0
        exact_high = betaincinv(right + 1, items - right, 0.975) if right < items else 1.0
        assert (low, high) == pytest.approx((exact_low, exact_high), abs=0.02)


def test_the_interval_covers_the_true_difference():
    chance, covered = np.random.default_rng(0), 0
    for _ in range(200):
        difficulty = chance.random(30)
        one, other = ((chance.random((1, 1, 30)) < difficulty * level).astype(float) for level in (0.8, 0.4))
        low, high = resampling.difference(one, other, range(30)).interval
        covered += low <= 0.2 <= high
    assert covered >= 186  # 93 %


def test_the_same_tests_give_the_same_judgement():
    assert court.judge(planted(3)) == court.judge(planted(3))


def test_items_of_one_group_count_as_one():
    values = exactly("relearn", 60, 18, 0, items=60)
    alone = court.judge([exactly("plain", 60, 0, 0, items=60), values]).tests[1]
    groups = [number // 6 for number in range(60)]
    clustered = court.judge([exactly("plain", 60, 0, 0, items=60), dataclasses.replace(values, groups=groups)]).tests[1]
    assert (alone.size, clustered.size) == (60, 10) and alone.unlearned == clustered.unlearned == pytest.approx(0.3)
    assert clustered.interval[0] < alone.interval[0] < alone.interval[1] < clustered.interval[1]
    assert alone.hit and not clustered.hit


def test_holm_takes_back_what_one_of_many_attacks_shows_by_chance():
    plain, lucky = exactly("plain", 40, 0, 0, items=40), exactly("relearn", 15, 5, 0)
    alone = court.judge([plain, lucky])
    assert alone.word == "hidden" and alone.tests[1].adjusted == alone.tests[1].p <= 0.05
    others = [
        exactly(kind, 15, 0, 0, attack=f"{kind} {number}")
        for number in range(2)
        for kind in ("ask", "sample", "inside")
    ]
    many = court.judge([plain, lucky, *others])
    assert many.word == "cannot tell" and many.tests[1].p == alone.tests[1].p and many.tests[1].adjusted > 0.05
    assert "Relearn would count alone, but not as one of 7 attacks." in many.reasons
    strong = court.judge([plain, exactly("relearn", 15, 14, 0), *others])
    assert strong.word == "hidden", "what is sure enough stays so"


def test_holm_is_holm():
    assert resampling.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_what_the_plain_question_shows_as_well_is_not_called_hidden():
    tests = [exactly("plain", 15, 4, 0), exactly("relearn", 15, 6, 0)]
    one = court.judge(tests)
    assert one.word == "cannot tell" and one.tests[1].hit
    assert one.reasons[0] == "It is not erased, but whether it is hidden or still there is open."
    assert "instead of 15" in one.settles
    assert court.judge([tests[0], exactly("relearn", 15, 14, 0)]).word == "hidden"


VOID = {
    "the reference does as well": (exactly("inside", 15, 15, 14), "It cannot tell here: the original has 100 %, the retrained reference 93 %."),
    "the original does not know": (exactly("inside", 3, 3, 0), "It cannot tell here: the original has 20 %, the retrained reference 0 %."),
    "too few items": (exactly("inside", 3, 2, 2, items=3, attack="few"), "It cannot tell here: the original has 100 %, the retrained reference 67 %."),
    "no reference": (exactly("inside", 15, 3), "No retrained reference was tried in this way."),
    "one group": (exactly("inside", 15, 15, 0, groups=[1] * 15), "All its facts belong together, so it asks one thing only."),
}  # fmt: skip


@pytest.mark.parametrize("case", VOID)
def test_a_test_that_cannot_tell_is_void(case):
    test, why = VOID[case]
    one = court.judge([*planted(unlearned=REFUSES), test]).tests[-1]
    assert one.void and not one.hit and one.recovery is None and one.p is None
    assert case == "too few items" or one.why == why


def test_outcomes_that_are_no_numbers_make_a_test_void_and_no_other():
    tests = planted(unlearned=REFUSES)
    for value in (np.nan, np.inf, 7.0):
        values = {when: one.copy() for when, one in tests[3].recalled.items()}
        values["after"][0, 0, 2] = value
        one = court.judge([*tests[:3], dataclasses.replace(tests[3], recalled=values), tests[4]])
        assert [test.void for test in one.tests] == [False, False, False, True, False] and one.word == "hidden"
        assert one.tests[3].why == "Its outcomes are not all numbers from 0 to 1."


def test_a_plain_question_that_is_no_number_cannot_be_judged():
    tests = planted()
    tests[0].recalled["after"][0, 0, 0] = np.nan
    one = court.judge(tests)
    assert (
        one.word == "cannot tell" and one.reasons[0] == "Plain question: Its outcomes are not all numbers from 0 to 1."
    )
    json.loads(files.dumps(court.as_document(one)))


def test_an_attack_that_breaks_the_model_shows_nothing():
    kept = {"after": np.full((1, 1, 50), 0.1, np.float32)}
    tests = planted(unlearned=REFUSES)
    one = court.judge([tests[0], dataclasses.replace(tests[3], kept=kept)])
    assert (
        one.tests[1].why == "It breaks the unlearned model, which then keeps 10 % of the rest." and one.word != "hidden"
    )


def test_references_that_differ_widen_the_margin_and_then_void_the_test():
    spread = np.stack(
        [exactly("relearn", 60, 0, right, items=60).recalled["reference"][0] for right in (0, 3, 6, 9, 12)]
    )
    near = exactly("relearn", 60, 15, 0, items=60)
    test = dataclasses.replace(near, recalled=near.recalled | {"reference": spread})
    plain = exactly("plain", 60, 0, 0, items=60)
    assert court.judge([plain, near]).tests[1].margin == 0.1 and court.judge([plain, near]).tests[1].hit
    wider = court.judge([plain, test]).tests[1]
    assert 0.2 < wider.margin < 0.3 and not wider.hit and not wider.void
    apart = np.stack(
        [exactly("relearn", 60, 0, right, items=60).recalled["reference"][0] for right in (0, 6, 12, 18, 36)]
    )
    void = court.judge([plain, dataclasses.replace(near, recalled=near.recalled | {"reference": apart})]).tests[1]
    assert void.void and void.why.startswith("The retrained references differ too much under it: by up to")


def test_the_margin_is_of_the_models_and_not_of_the_items():
    chance = np.random.default_rng(1)
    guessing = (chance.random((5, 1, 400)) < 0.5).astype(float)
    assert resampling.margin(guessing, range(400)) == resampling.MARGIN
    levels = np.array([0.1, 0.3, 0.5, 0.7, 0.9])[:, None, None]
    assert resampling.margin((chance.random((5, 1, 400)) < levels).astype(float), range(400)) > 0.8
    assert resampling.margin(np.stack([np.zeros((1, 40)), np.full((1, 40), 0.3)]), range(40)) == pytest.approx(0.3)


def test_what_needs_the_weights_of_the_original_is_shown_and_not_weighed():
    tests = [*planted(), exactly("weights", 15, 15, 0, counts=False)]
    one = court.judge(tests)
    assert one.word == "erased" and one.tests[-1].recovery == 1.0
    assert (
        not one.tests[-1].hit
        and one.tests[-1].why == "It needs the weights of the original, so it explains and is not weighed."
    )
    assert court.judge([tests[0], tests[-1]]).tally == ""


def test_three_kinds_of_attacks_are_wanted_and_utility_too():
    tests = planted()
    assert court.judge(tests[:4]).word == "erased"
    two = court.judge(tests[:3])
    assert (
        two.word == "cannot tell"
        and two.settles == "Attack it in 1 more ways, such as relearning or searching for words."
    )
    twice = [dataclasses.replace(tests[1], attack=f"again {number}") for number in range(2)]
    assert court.judge([*tests[:3], *twice]).word == "cannot tell", "three tests of two kinds"
    unknown = court.judge([dataclasses.replace(tests[0], kept={}), *tests[1:]])
    assert unknown.word == "cannot tell" and unknown.settles == "Ask what is to be kept as well."
    few = court.judge(planted(2, kept_items=20))
    assert few.word == "cannot tell" and "kept items instead of 20." in few.settles


def test_what_would_settle_it_is_a_number_of_items():
    tests = [exactly(kind, 15, 0, 0) for kind in NEVER_SAW]
    kept = {
        when: np.ones((*([5] if when == "reference" else []), 1, 1, 200), np.float32)
        for when in ("before", "after", "reference")
    }
    one = court.judge([dataclasses.replace(tests[0], kept=kept), *tests[1:]])
    assert one.word == "cannot tell"
    count = re.fullmatch(r"Ask (\d+) facts instead of 15\.", one.settles)
    assert 33 <= int(count[1]) <= 39, "Clopper and Pearson's bound of 0 of 36 is 9.7 %"
    assert re.search(r"Plain with 15 facts leaves room for 2[012] points\.", one.reasons[0])
    enough = [exactly(kind, 37, 0, 0, items=37) for kind in NEVER_SAW]
    assert court.judge([dataclasses.replace(enough[0], kept=kept), *enough[1:]]).word == "erased"


# --- references that are missing or one, and samples


def test_without_a_reference_little_can_be_told():
    knows = dict.fromkeys(NEVER_SAW, 0.97)
    still = court.judge(planted(unlearned=knows, references=0, items=15))
    assert still.word == "still there" and still.references == 0
    assert court.judge(planted(unlearned=REFUSES, references=0), guarded=True).word == "filter"
    broken = court.judge(planted(references=0, keeps=0.5))
    assert broken.word == "damaged" and ", the original 8" in broken.reasons[0]
    for unlearned in (REFUSES, NEVER_SAW):
        one = court.judge(planted(unlearned=unlearned, references=0))
        assert one.word == "cannot tell"
        assert (
            one.settles
            == "Train a retrained reference; no retrained reference: whether it is hidden or erased cannot be told."
        )
        assert all(test.void and not test.hit and test.interval is None for test in one.tests)
    assert {*words(references=0), *words(references=0, original=0.003)} == {"cannot tell"}


def test_with_one_reference_the_margin_is_ten_points_and_that_is_said():
    one = court.judge(planted(references=1))
    assert one.word == "erased" and {test.margin for test in one.tests} == {0.1}
    assert (
        one.reasons[-1]
        == "There is one retrained reference, so how much references differ is not known. The margin is 10 points."
    )
    assert "one retrained reference" not in " ".join(court.judge(planted(references=2)).reasons)


def test_samples_that_the_reference_has_too_are_a_question_of_membership():
    one = court.judge(planted(floor=dict.fromkeys(NEVER_SAW, 0.9), goal="samples"))
    assert one.word == "cannot tell" and one.goal == "samples" and all(test.void for test in one.tests)
    assert "the retrained reference has them too" in one.reasons[0]
    assert "learned by heart" in one.settles, "it was looked inside already"
    asked = court.judge(
        [test for test in planted(floor=dict.fromkeys(NEVER_SAW, 0.9), goal="samples") if test.kind != "inside"]
    )
    assert asked.settles == "Test membership: that is what fits samples."
    learned = court.judge(planted(goal="samples"))
    assert learned.word == "erased" and "These samples were to be forgotten" in learned.reasons[-1]
    assert "The concept was to be forgotten" in court.judge(planted()).reasons[-1]


def test_every_reference_is_tried_in_the_place_of_the_unlearned_model():
    assert court.self_test(planted(unlearned=dict.fromkeys(NEVER_SAW, 0.97))) == (5, 5)
    assert court.self_test(planted(references=1)) == (0, 0)
    tests = planted(references=3)
    for test in tests:
        test.recalled["reference"][0] = 1.0
    assert court.self_test(tests) == (2, 3), "the first one knows it all"


def test_the_original_in_the_place_of_the_unlearned_model_is_convicted():
    tests = planted(keeps=0.5, broken=0.3)
    assert court.judge(tests).word == "damaged"
    assert court.judge([court.as_defendant(one, None) for one in tests]).word == "still there"


# --- files, the mark, the document


@pytest.fixture
def tried(home):
    """A copied shipped run, and a way to put tests into it."""
    path = home / "runs" / "my-run"
    for file in ("spec.json", "state.json", "result.json", "metrics.json"):
        files.write_json(path / file, files.read_json(ASSETS / "runs" / "example-author-refused" / file))
    run = court.RunFolder(path)

    def put(tests, root=path / "attack"):
        for test in tests:
            test.save(root / test.attack)

    return SimpleNamespace(run=run, put=put)


def test_a_run_is_judged_by_the_files_of_its_attacks(tried, tmp_path):
    assert court.of_run(tried.run) is None
    tests = planted(unlearned=REFUSES, items=20)
    tried.put(tests[:1])
    assert court.of_run(tried.run) is None, "the plain question alone"
    tried.put(tests[1:])
    one = court.of_run(tried.run)
    assert one.word == "hidden" and one.tests[0].attack == "plain"
    assert {test.attack: test for test in one.tests} == {test.attack: test for test in court.judge(tests).tests}
    assert court.of_run(tried.run) is one, "it is not made again"
    again = planted(unlearned=NEVER_SAW, items=20)
    tried.put(again)
    for path in (tried.run.path / "attack").glob("*/*"):
        os.utime(path, (1, 1))
    assert court.of_run(tried.run).word == "cannot tell"
    tried.put(tests[3:4], tmp_path / "extra")
    other = {test.attack: test.unlearned for test in court.of_run(tried.run, tmp_path / "extra").tests}
    assert other["relearn"] == pytest.approx(float(tests[3].recalled["after"].mean()), abs=1e-3)
    assert other["ask"] == pytest.approx(float(again[1].recalled["after"].mean()), abs=1e-3)


def test_what_was_found_in_a_shipped_run_lies_in_the_home(home, tmp_path):
    shipped = ASSETS / "runs" / "example-author-refused"
    run = court.RunFolder(shutil.copytree(shipped, tmp_path / shipped.name, ignore=shutil.ignore_patterns("attack")))
    for test in planted(unlearned=REFUSES):
        test.save(home / "attack" / run.id / test.attack)
    assert court.of_run(run).word == "hidden" and verdict.marks_of(run)[2].word == "Hidden"


def test_files_that_lead_elsewhere_or_are_damaged_are_left_out(tried, tmp_path):
    tests = planted(unlearned=REFUSES)
    tried.put(tests[:2])
    tried.put(tests[2:3], tmp_path / "elsewhere")
    (tried.run.path / "attack" / "sample").symlink_to(tmp_path / "elsewhere" / "sample")
    (tried.run.path / "attack" / "odd").mkdir()
    (tried.run.path / "attack" / "odd" / "attacked.json").write_text("{")
    (tried.run.path / "attack" / "odd" / "attacked.npz").write_text("")
    assert [test.attack for test in court.of_run(tried.run).tests] == ["plain", "ask"]


def test_a_guarded_run_is_a_filter(tried):
    result = files.read_json(tried.run.path / "result.json")
    files.write_json(tried.run.path / "result.json", result | {"about": result["about"] | {"guard": True}})
    tried.put(planted())
    assert court.of_run(tried.run).word == "filter"


MARKS = {
    "hidden": ({"unlearned": REFUSES}, "no", "Hidden", "4 of 4 valid tests bring it back"),
    "erased": ({}, "yes", "Erased, as far as tested", "0 of 4 valid tests bring it back"),
    "still there": (
        {"unlearned": dict.fromkeys(NEVER_SAW, 0.97)},
        "no",
        "Still there",
        "4 of 4 valid tests bring it back",
    ),
    "damaged": ({"keeps": 0.5}, "no", "Damaged", "0 of 4 valid tests bring it back"),
    "cannot tell": ({"items": 15}, "unknown", "Cannot tell", "0 of 4 valid tests bring it back"),
    "never knew": ({"original": 0.003}, "unknown", "Never knew", ""),
}


@pytest.mark.parametrize("word", MARKS)
def test_the_third_mark_is_the_judgement(tried, word):
    case, *expected = MARKS[word]
    before = verdict.marks_of(tried.run)
    tried.put(planted(**case))
    marks = verdict.marks_of(tried.run)
    assert marks[:2] == before[:2] and before[2].word == "Not tested yet"
    assert [marks[2].sign, marks[2].word, marks[2].number] == expected
    judgement = court.of_run(tried.run)
    assert judgement.word == word and marks[2].rule == judgement.reasons[0]


def test_the_judgement_is_a_document():
    one = court.judge(planted(unlearned=REFUSES, items=15))
    document = json.loads(files.dumps(court.as_document(one)))
    assert document["verdict"] == {
        "word": "hidden", "reasons": list(one.reasons), "settles": "", "goal": "concept", "references": 5, "kinds": 4,
    }  # fmt: skip
    assert [test["attack"] for test in document["tests"]] == list(NEVER_SAW)
    first = document["tests"][0]
    assert {
        "kind",
        "original",
        "unlearned",
        "reference",
        "recovery",
        "interval",
        "void",
        "why",
        "hit",
        "p",
        "adjusted",
    } <= first.keys()


def test_without_tests_there_is_no_judgement():
    assert court.judge([]) is None and court.judge(planted()[1:]) is None and court.judge(planted()[:1]) is None
    assert attacked("plain", planted()[0].recalled).kind == "plain"


def test_what_an_attack_surely_brings_back_is_not_erased_even_where_the_word_is_open():
    few = planted(unlearned={"plain": 0.0} | dict.fromkeys(("ask", "sample", "relearn", "inside"), 1.0), items=4)
    one = court.judge(few)
    assert one.word == "cannot tell" and any(test.hit for test in one.tests)
    assert one.title == ("no", "Not erased") and court.mark(one).word == "Not erased"
    assert court.judge(planted(floor=dict.fromkeys(NEVER_SAW, 0.9), goal="samples")).title == ("unknown", "Cannot tell")
