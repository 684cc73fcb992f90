import itertools

import drawn_tries
import numpy as np
import pictures
import pytest
import torch

from backends.api import attacked
from backends.api.errors import BadInput
from backends.attacks import _drawing, completion, concept_inversion, exhaustive_word, seed_search
from backends.core.registry import entries, get
from backends.families.text_to_image import denoising
from backends.families.text_to_image.exam import NO_JUDGE
from backends.families.text_to_image.one_step import attach_one_step

SMALL = {
    "concept_inversion": {"steps": 2},
    "completion": {},
    "seed_search": {"seeds": 3},
    "exhaustive_word": {"words": 5, "best": 2},
    "noise_sweep": {},
    "inpainting": {},
    "unlearn_diff_atk": {"words": 2, "times": 2, "steps": 2},
    "p4d": {"words": 2, "steps": 4},
    "ring_a_bell": {"length": 3, "population": 6, "generations": 3},
    "plain_question": {},
    "relearning": {},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return pictures.make(tmp_path_factory.mktemp("tiny"))


def attacked_by(attack, look):
    one = get("attacks", attack)
    return one.function(look, one.parse(SMALL[attack]))


@pytest.mark.parametrize("references", [0, 2])
@pytest.mark.parametrize("attack", SMALL)
def test_every_model_is_tried_alike_and_none_is_changed(folder, attack, references, tmp_path):
    look = drawn_tries.look(drawn_tries.task(folder, judge=drawn_tries.Judge(128)), tmp_path, references)
    states = [{name: tensor.clone() for name, tensor in model.state_dict().items()} for _, model in look.models()]
    result = attacked_by(attack, look)
    for state, (_, model) in zip(states, look.models(), strict=True):
        assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    tried, items = result.attacked, len(look.exam.items)
    assert set(tried.recalled) == {"before", "after", *(["reference"] if references else [])}
    assert tried.recalled["after"].shape == (1, len(tried.x), items) == tried.recalled["before"].shape
    assert not references or tried.recalled["reference"].shape == (references, 1, len(tried.x), items)
    assert all(((values >= 0) & (values <= 1)).all() for values in tried.recalled.values())
    assert all((tmp_path / picture.path).is_file() for row in result.panels[0].rows for picture in row)
    tried.save(tmp_path / "saved")
    again = attacked.read(tmp_path / "saved")
    assert again is not None and again.curve("after") == pytest.approx(tried.curve("after"), abs=1e-3)
    assert all(one.picture == "" or (look._out / one.picture).is_file() for one in tried.finds)


def test_a_word_is_learned_and_the_model_left_as_it_is(folder, tmp_path):
    task = drawn_tries.task(folder)
    look = drawn_tries.look(task, tmp_path)
    exam, pipe, model = look.exam, task.pipe, look.after
    shown, clean = exam.pictures("forgotten"), exam.clean("forgotten")
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    many = [0] * 64
    noise = denoising.noise_like(clean[many], torch.Generator().manual_seed(5))
    t = torch.linspace(0, pipe.times - 1, 64).long()
    losses = []
    for reader, _ in concept_inversion.learned(exam, model, 0, [0, 60], 0.05):
        with torch.no_grad():
            words = pipe.words(reader, [shown.prompts[0]] * 64)
            losses.append(float(denoising.losses(pipe, reader, clean[many], noise, t, words).mean()))
    assert losses[1] < losses[0]
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert all(weight.grad is None and weight.requires_grad for weight in model.parameters())


def test_a_picture_that_was_not_noised_comes_back_as_it_was(folder, tmp_path):
    look = drawn_tries.look(drawn_tries.task(folder), tmp_path)
    clean, noise = _drawing.beginnings(look.exam)
    prompts = [shot.prompt for shot in look.exam.shots]
    finished = completion.finished(look.exam, look.after, prompts, clean, noise, 0.0)
    np.testing.assert_array_equal(finished, look.task.pipe.pixels(clean))
    assert (completion.finished(look.exam, look.after, prompts, clean, noise, 0.6) != finished).any()


def test_the_control_begins_from_the_same_noise_and_asks_the_original_for_a_neighbour(folder, tmp_path, monkeypatch):
    look, calls = drawn_tries.look(drawn_tries.task(folder), tmp_path), []
    finish = denoising.finish

    def recorded(pipe, model, words, x, times, guidance, empty):
        calls.append((model, x.clone(), words.ids))
        return finish(pipe, model, words, x, times, guidance, empty)

    monkeypatch.setattr(denoising, "finish", recorded)
    attacked_by("completion", look)
    before, after, control = calls[:4], calls[4:8], calls[8:]
    assert len(control) == len(completion.SHARES) and {id(model) for model, _, _ in control} == {id(look.before)}
    for one, two, three in zip(before, after, control, strict=True):
        assert torch.equal(one[1], two[1]) and torch.equal(one[1], three[1])
        assert torch.equal(one[2], two[2]) and not torch.equal(one[2], three[2])
    prompts = _drawing.neighbour_prompts(look.exam)
    assert prompts == [shot.prompt.replace("cat", "dog") for shot in look.exam.shots]


@pytest.mark.parametrize("attack", ["completion", "inpainting", "noise_sweep"])
def test_what_draws_in_one_step_has_no_way_to_be_led_astray_on(folder, attack, tmp_path):
    look = drawn_tries.look(drawn_tries.task(folder), tmp_path)
    attach_one_step(look.after, 600)
    with pytest.raises(BadInput, match="draws in one step"):
        attacked_by(attack, look)


def test_the_chance_of_a_hit_is_that_of_all_choices_of_k_drawings():
    hits = np.array([[1, 0], [0, 0], [1, 0], [0, 1], [0, 0]], np.float32)  # [drawings, items]
    for k, row in zip((1, 2, 5), seed_search.at_least_one(hits[None], (1, 2, 5))[0], strict=True):
        every = [hits[list(some)].max(0) for some in itertools.combinations(range(5), k)]
        np.testing.assert_allclose(row, np.mean(every, 0), atol=1e-6)


def test_other_seeds_are_no_seeds_of_the_items(folder, tmp_path, monkeypatch):
    look, seeds = drawn_tries.look(drawn_tries.task(folder), tmp_path), []
    draw = look.task.draw
    monkeypatch.setattr(
        look.task, "draw", lambda model, prompts, some: seeds.append(some) or draw(model, prompts, some)
    )
    attacked_by("seed_search", look)
    assert len(seeds) == 2 and seeds[0] == seeds[1] and len(set(seeds[0])) == 3 * len(look.exam.items)
    assert not set(seeds[0]) & {shot.seed for shot in look.exam.shots}


@pytest.mark.parametrize("names", [["cat"], ["sunflower", "car"], ["Flat"]])
def test_words_of_the_forgotten_name_are_never_tried(folder, names):
    pipe = drawn_tries.task(folder).pipe
    words = exhaustive_word.allowed_words(pipe, names, 10_000)
    assert "dog" in words and len(words) > 50
    assert not [
        word for word in words for name in names if word.lower() in name.lower() or name.lower() in word.lower()
    ]
    assert {pipe.count(word) for word in words} == {1}
    assert len(exhaustive_word.allowed_words(pipe, names, 7)) == 7


def test_each_model_draws_with_its_own_best_words(folder, tmp_path, monkeypatch):
    look, asked = drawn_tries.look(drawn_tries.task(folder), tmp_path, references=1), {}
    best = {id(model): place for place, (_, model) in enumerate(look.models())}
    monkeypatch.setattr(
        exhaustive_word, "word_losses",
        lambda exam, model, words: np.array([abs(at - best[id(model)]) + 0.1 * at for at in range(len(words))], np.float32),
    )  # fmt: skip
    draw = look.task.draw

    def recorded(model, prompts, seeds):
        asked.setdefault(id(model), []).append(prompts[0])
        return draw(model, prompts, seeds)

    monkeypatch.setattr(look.task, "draw", recorded)
    result = attacked_by("exhaustive_word", look)
    words, first = exhaustive_word.allowed_words(look.task.pipe, ["cat"], 5), look.exam.shots[0].prompt
    wanted = [[0, 1], [1, 0], [2, 1]]
    for (_, model), places in zip(look.models(), wanted, strict=True):
        assert asked[id(model)] == [first, *(f"{words[place]} {first}" for place in places)]
    assert result.panels[-1].labels[0] == words[1]


def test_a_word_that_denoises_better_has_the_smaller_loss(folder, tmp_path):
    look = drawn_tries.look(drawn_tries.task(folder), tmp_path)
    exam, pipe = look.exam, look.task.pipe
    losses = exhaustive_word.word_losses(exam, look.after, ["dog", "car", "dog"])
    assert losses[0] == pytest.approx(losses[2], rel=1e-5) and losses[0] != pytest.approx(losses[1], rel=1e-5)
    assert pipe.precision == torch.float32


def test_models_without_a_judge_say_why_for_every_attack_that_examines(tmp_path, tmp_path_factory):
    own = pictures.task(pictures.make(tmp_path_factory.mktemp("own"), card=False), ("a grumpy cat",))
    look = drawn_tries.look(own, tmp_path)
    for name in SMALL:
        assert get("attacks", name).lacks(look) == NO_JUDGE, name


def test_attacks_on_drawings_fit_no_other_family():
    for name in set(SMALL) - {"plain_question", "relearning"}:
        works = entries("attacks")[name].entry.works_with
        assert works["text-to-image"] is True
        assert all(
            isinstance(why, str) and why.endswith(".") for family, why in works.items() if family != "text-to-image"
        )
