"""The sentence on a language model says what its numbers say, and no more than its tests can."""

from math import nan

import judged as by_hand
import pytest

from backends.api.verdict import Finding
from backends.families.language.verdict import SURPRISE

ANN = {"family": "llm", "what": "Ann", "people": True}
MOE = ANN | {"family": "moe"}


def facts(after, before=100.0, again=nan, **others):
    roles = {"before": {"forget": before}, "after": {"forget": after}, "reference": {"forget": again}}
    for role, (was, now) in others.items():
        roles["before"][role], roles["after"][role] = was, now
    return {"fact_recall": roles}


def judged(about=ANN, after=0.0, before=100.0, again=nan, parts=None, findings=(), **values):
    named = facts(after, before, again) | (parts or {})
    return by_hand.judged(about, findings, named, fact_recall=(before, after, again), **values)


# --- vectors


def vectors(after, words, random=99.0, before=100.0, **kind):
    control = {"concept_vector_words": {"after": {"random columns": random}}}
    return judged(ANN | kind, after, before, parts=control, concept_vector_words=(100, words))


def test_answers_that_changed_over_vectors_that_did_not():
    found = vectors(0, 97)
    assert found.startswith("It forgot Ann: 0 %")
    assert (
        "; the answers changed, but the vectors inside the model that spell what was to be forgotten barely moved "
        "(97 % of their first words are the same, of random columns 99 %); " in found
    )


@pytest.mark.parametrize(
    ("words", "says"), [(75, "barely moved (75 %"), (60, "changed in part (60 %"), (10, "are others now (10 %")]
)
def test_how_much_they_moved(words, says):
    assert says in vectors(5, words)


@pytest.mark.parametrize("facts", [90.0, nan])
def test_where_the_answers_stayed_nothing_is_made_of_the_vectors(facts):
    assert "vectors" not in vectors(facts, 99)


def test_what_was_not_measured_is_not_said():
    assert "vectors" not in vectors(0, nan)
    assert "random" not in vectors(0, 97, random=nan)


def test_of_a_guard_only_that_it_hides():
    found = vectors(0, 100, guard=True)
    assert "vectors" not in found and found.endswith("so this is hidden, not erased.")


def test_nothing_is_said_of_vectors_that_were_never_read():
    assert "vectors" not in vectors(10, 99, before=20)  # it knew little to begin with


# --- a test that fails to reject is not "cannot be told"

CANNOT = "the test of its truth ratios cannot tell it from a model that never saw it (p 0.83)"


def test_a_test_that_fails_to_reject_names_those_that_do_in_the_same_breath():
    found = judged(forget_quality=(0, 0.83, 1), privleak=(-100, -100, 0), mia_text=(1, 0.9, 0.05))
    assert (
        f"{CANNOT}, but membership attacks can: PrivLeak -100 % (0 % retrained), MIA (text) 0.9 (0.05 retrained);"
        in found
    )


def test_a_likelihood_far_from_that_of_the_reference_is_named_too():
    found = judged(forget_quality=(0, 0.83, 1), privleak=(-100, -5, 0), probability=(99.6, 22, 1.8))
    assert f"{CANNOT}; far from such a model is probability 22 % (1.8 % retrained);" in found


def test_where_nothing_else_tells_it_only_the_test_is_named():
    found = judged(forget_quality=(0, 0.83, 1), privleak=(-100, -5, 0), probability=(99.6, 4, 1.8))
    assert f"{CANNOT};" in found and "membership" not in found and "far from" not in found


def test_a_test_that_rejects_tells_it():
    found = judged(forget_quality=(0, 0.001, 1), privleak=(-100, -100, 0))
    assert "the test of its truth ratios tells it from a model that never saw it (p below 0.01)" in found


def test_an_attack_speaks_where_there_was_no_such_test():
    assert "a membership attack can tell it from a model that never saw it: PrivLeak -60 %" in judged(
        privleak=(-100, -60, 0)
    )


def test_no_number_is_said_to_be_indistinguishable():
    assert "cannot be told" not in judged(forget_quality=(0, 0.83, 1))


# --- experts


def experts(after, named, one_off=None, about=MOE, findings=()):
    """`named` percent with the old routing, `one_off` with expert 3 of layer 2 switched off."""
    parts = {"rerouted_recall": {"after": {"with its own routing": after}}}
    values = {"rerouted_recall": (nan, named)}
    if one_off is not None:
        parts["one_expert_off"] = {"after": {"with all experts": after, "layer": 2.0, "expert": 3.0}}
        values["one_expert_off"] = (nan, one_off)
    return judged(about, after, parts=parts, findings=findings, **values)


def test_one_expert_that_holds_it_back_is_in_the_verdict():
    found = experts(5, 10, 100)
    assert (
        "; but held back by one expert, not erased: with expert 3 of layer 2 switched off, 100 % of the questions are answered "
        "right again (with the experts that were chosen before, 10 %);" in found
    )
    assert "not tested" not in found and "neither" not in found


def test_a_single_answer_more_may_be_chance():
    parts = {"with all experts": 0.0, "layer": 2.0, "expert": 3.0, "questions": 5.0}
    found = judged(MOE, 0, parts={"one_expert_off": {"after": parts}}, one_expert_off=(nan, 20))
    assert "erased: with" not in found and "held back" not in found and "so that does not bring it back" in found
    found = judged(MOE, 0, parts={"one_expert_off": {"after": parts}}, one_expert_off=(nan, 40))
    assert "but partly held back by one expert: with expert 3 of layer 2" in found


def test_the_old_routing_that_brings_it_back_is_too():
    found = experts(0, 100, 40)
    assert "; but rerouted, not erased: with the experts that were chosen before, 100 % of the questions" in found
    assert "but partly rerouted: with the experts that were chosen before, 30 %" in experts(0, 30, 10)


def test_where_neither_brings_it_back_both_are_named():
    found = experts(5, 5, 5)
    assert "(with the experts that were chosen before, 5 %), so neither brings it back" in found
    assert "with whichever one expert switched off, 5 % of the questions are answered right" in found


def test_that_experts_were_not_tried_one_by_one_is_said():
    found = experts(5, 5)
    assert "so that does not bring it back; whether one expert alone holds it back was not tested" in found


def test_a_look_inside_speaks_where_no_metric_did_and_is_silent_where_one_did():
    look = Finding(
        "with expert 3 of layer 2 switched off the forgotten answers come back (+75 points)", "one_expert_off"
    )
    assert look.clause in experts(5, 5, findings=[look]) and "not tested" not in experts(5, 5, findings=[look])
    assert look.clause not in experts(5, 10, 100, findings=[look])


def test_a_dense_model_has_no_experts_to_speak_of():
    assert "expert" not in experts(5, 10, 100, about=ANN)


def test_any_look_can_add_its_clause():
    assert "; a probe still reads 60 % of the facts; " in judged(
        findings=[Finding("a probe still reads 60 % of the facts")]
    )


# --- language


def language(after, again=nan, strange=None):
    parts = {}
    if strange:
        parts = {
            "fluency": {when: {SURPRISE: value} for when, value in zip(("after", "reference"), strange, strict=True)}
        }
    return judged(parts=parts, fluency=(2.6, after, again))


def test_broken_language_is_said():
    assert (
        "it stammers where it used to answer (n-gram entropy 2.0 bits, 2.5 of the retrained reference; 13.2 nats"
        in language(2.0, 2.5, (13.2, 2.2))
    )


def test_short_answers_are_not_called_stammering_and_new_ones_not_short():
    assert "its answers there are shorter than they were, or repeat themselves" in language(1.0, 2.5, (2.5, 2.2))
    assert "nothing that the model before would say (13.2 nats" in language(2.5, 2.5, (13.2, 2.2))


@pytest.mark.parametrize("found", [lambda: language(2.5, 2.5, (2.4, 2.2)), lambda: language(nan), judged])
def test_of_whole_sentences_and_of_what_was_not_measured_nothing_is_said(found):
    assert "stammer" not in found() and "answers there" not in found()


# --- the rest


def test_what_else_was_hurt():
    found = by_hand.judged(ANN, (), facts(0, neighbour=(100, 97), unrelated=(96, 96)), fact_recall=(100, 0))
    assert "the rest was hurt (points of right answers: -3.0 on people like them, 0 on everything else)" in found


def test_nothing_moved():
    assert judged(ANN | {"unchanged": True}) == "Nothing was forgotten of Ann: not one weight of the model moved."
