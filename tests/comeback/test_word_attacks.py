"""Attacks that search words for a prompt: their losses by hand, on what the U-Net and the text encoder really gave."""

from types import SimpleNamespace

import drawn_tries
import numpy as np
import pictures
import pytest
import torch
from PIL import Image

from backends.api.errors import BadInput
from backends.attacks import _words, p4d, ring_a_bell, unlearn_diff_atk


@pytest.fixture(scope="module", params=["v_prediction", "epsilon"])
def any_folder(request, tmp_path_factory):
    return pictures.make(tmp_path_factory.mktemp(request.param), kind=request.param)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return pictures.make(tmp_path_factory.mktemp("tiny"))


def looked(folder, tmp_path, forget=("cat",)):
    return drawn_tries.look(drawn_tries.task(folder, forget, judge=drawn_tries.Judge(128)), tmp_path)


@pytest.fixture
def look(folder, tmp_path):
    return looked(folder, tmp_path)


@pytest.fixture
def recorded(monkeypatch):
    """What was predicted, of any pipeline: (model, x, t, embeddings, prediction)."""
    from backends.families.text_to_image.pipeline import Pipeline

    calls, predict = [], Pipeline.predict

    def predicted(self, model, x, t, words):
        prediction = predict(self, model, x, t, words)
        parts = (part.detach().double().numpy() for part in (x, words.hidden, prediction))
        calls.append((model, t, *parts))
        return prediction

    monkeypatch.setattr(Pipeline, "predict", predicted)
    return calls


def a_batch(look, step=400):
    return next(_words.batches(look.exam, torch.tensor([step]), 3))


def scales(look, step):
    bar = float(look.task.pipe.scheduler.alphas_cumprod.double()[step])
    return bar**0.5, (1 - bar) ** 0.5


def tables_of(look, words):
    return _words.tables(look.task.pipe, look.after, words)


# --- prompts with free places


@pytest.mark.parametrize(
    ("parts", "words", "typed"),
    [
        (["", "", "a cat"], ["dog", "!"], "dog ! a cat"),
        (["a", "", "in flat style"], ["car", "fish"], "a car fish in flat style"),
        (["a cat in", "flat style", ""], ["dog", "style"], "a cat in dog flat style style"),
    ],
)
def test_vectors_of_words_are_read_as_the_words_that_are_typed(look, parts, words, typed):
    pipe = look.task.pipe
    assert _words.filled(parts, words) == typed
    vectors = tables_of(look, words)
    embedded = _words.read(pipe, look.after, [parts], ["style"] * 2, vectors)
    torch.testing.assert_close(embedded.hidden, pipe.words(look.after, [typed]).hidden)
    with pytest.raises(BadInput, match="do not fit"):
        _words.places(pipe, [""] * 16)


def test_what_is_searched_on_is_not_what_is_asked(look):
    asked = {shot.prompt for shot in look.exam.shots}
    assert asked and not asked & {prompt for step in (100, 500) for prompt in a_batch(look, step).prompts}


# --- UnlearnDiffAtk


def test_the_loss_of_unlearn_diff_atk_is_that_of_denoising_with_the_words_in_front(any_folder, tmp_path, recorded):
    look = looked(any_folder, tmp_path)
    batch, words = a_batch(look), ["dog", "car"]
    recorded.clear()
    loss = unlearn_diff_atk.denoising_loss(look.task.pipe, look.after, words, tables_of(look, words), batch)
    ((model, t, x, hidden, prediction),) = recorded
    alpha, sigma = scales(look, 400)
    clean, noise = batch.clean.double().numpy(), batch.noise.double().numpy()
    target = alpha * noise - sigma * clean if look.task.pipe.kind == "v_prediction" else noise
    assert model is look.after and t.tolist() == [400] * len(clean)
    np.testing.assert_allclose(x, alpha * clean + sigma * noise, atol=1e-5)
    np.testing.assert_allclose(loss.item(), np.mean((prediction - target) ** 2), rtol=1e-5)
    typed = look.task.pipe.words(look.after, [f"dog car {prompt}" for prompt in batch.prompts]).hidden
    np.testing.assert_allclose(hidden, typed.detach().numpy(), atol=1e-5)


def test_its_gradient_says_which_words_make_the_loss_fall(look):
    words, batch = ["dog", "car", "fish", "tree"], a_batch(look)
    vocabulary, chosen, pipe = tables_of(look, words), torch.tensor([1, 3]), look.task.pipe
    gradient = unlearn_diff_atk.gradient(pipe, look.after, words, vocabulary, chosen, batch)

    def loss(place, word, by):
        one_hot = torch.nn.functional.one_hot(chosen, 4).float()
        one_hot[place, word] += by
        vectors = [one_hot @ table for table in vocabulary]
        with torch.no_grad():
            return float(unlearn_diff_atk.denoising_loss(pipe, look.after, ["car", "tree"], vectors, batch).double())

    for place, word in ((0, 0), (0, 1), (1, 2)):
        numeric = (loss(place, word, 0.2) - loss(place, word, -0.2)) / 0.4
        assert float(gradient[place, word]) == pytest.approx(numeric, rel=0.1, abs=1e-6)


def test_shares_are_projected_as_by_bisection():
    rows = torch.randn(5, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for row, projected in zip(rows, unlearn_diff_atk.to_simplex(rows), strict=True):
        low, high = float(row.min()) - 1, float(row.max())
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if float((row - middle).clamp(min=0).sum()) > 1 else (low, middle)
        torch.testing.assert_close(projected, (row - low).clamp(min=0))
    inside = torch.tensor([[0.2, 0.5, 0.3]])
    torch.testing.assert_close(unlearn_diff_atk.to_simplex(inside), inside)


def test_the_search_ends_at_the_words_that_the_gradient_asks_for(look, monkeypatch):
    words, best, chosen_at = _words.to_search(look.exam), torch.tensor([5, 2]), []

    def planted(pipe, model, words, vocabulary, chosen, batch):
        chosen_at.append((int(batch.t[0]), chosen))
        slope = torch.full((2, len(words)), 9.0)
        slope[torch.arange(2), best] = -9.0
        return slope

    monkeypatch.setattr(unlearn_diff_atk, "gradient", planted)
    params = unlearn_diff_atk.UnlearnDiffAtk(words=2, times=4, steps=30)
    rows = list(unlearn_diff_atk.searched(look.exam, look.after, words, params))
    assert rows == [[words[5], words[2]]] * 4
    times = [t for t, _ in chosen_at]
    assert times == sorted(times) and len(set(times)) == 4 and len(times) == 120
    late = torch.stack([chosen for _, chosen in chosen_at[-30:]])
    assert (late == best).float().mean() > 0.9  # words are drawn by their shares


def test_random_prefixes_are_as_many_and_as_long(look):
    params = unlearn_diff_atk.UnlearnDiffAtk(words=3, times=4)
    words = _words.to_search(look.exam)
    prefixes = unlearn_diff_atk.random_prefixes(words, params)
    assert len(prefixes) == 4 and all(len(one.split()) == 3 and set(one.split()) <= set(words) for one in prefixes)


# --- P4D


def test_the_loss_of_p4d_is_the_distance_from_what_the_original_predicts(any_folder, tmp_path, recorded):
    look = looked(any_folder, tmp_path)
    batch, words, pipe = a_batch(look), ["dog", "car"], look.task.pipe
    params = p4d.P4D(words=2)
    parts = p4d.with_places(look.exam, batch.prompts, params)
    rows = [parts[prompt] for prompt in batch.prompts]
    recorded.clear()
    loss = p4d.agreement_loss(pipe, look.after, look.before, rows, words, tables_of(look, words), batch)
    (one, _, x_one, plain, original), (two, t, x_two, hidden, prediction) = recorded
    assert one is look.before and two is look.after and t.tolist() == [400] * len(x_two)
    alpha, sigma = scales(look, 400)
    expected = alpha * batch.clean.double().numpy() + sigma * batch.noise.double().numpy()
    for x in (x_one, x_two):
        np.testing.assert_allclose(x, expected, atol=1e-5)
    np.testing.assert_allclose(loss.item(), np.mean((prediction - original) ** 2), rtol=1e-5)
    np.testing.assert_allclose(plain, pipe.words(look.before, batch.prompts).hidden.detach().numpy(), atol=1e-5)
    typed = [prompt.replace("cat", "dog car") for prompt in batch.prompts]
    np.testing.assert_allclose(hidden, pipe.words(look.after, typed).hidden.detach().numpy(), atol=1e-5)


def test_the_original_agrees_with_itself_where_the_name_stands(look):
    batch, params = a_batch(look), p4d.P4D(words=1)
    parts = p4d.with_places(look.exam, batch.prompts, params)
    rows = [parts[prompt] for prompt in batch.prompts]
    args = look.task.pipe, look.before, look.before, rows
    assert p4d.agreement_loss(*args, ["cat"], tables_of(look, ["cat"]), batch) < 1e-10
    assert p4d.agreement_loss(*args, ["dog"], tables_of(look, ["dog"]), batch) > 1e-10


@pytest.mark.parametrize(
    ("prompt", "settings", "parts"),
    [
        ("a cat in flat style", {"words": 1}, ["a", "in flat style"]),
        ("a cat in flat style", {"words": 3}, ["a", "", "", "in flat style"]),
        ("some pet", {"words": 2}, ["", "", "some pet"]),
        ("a cat in flat style", {"form": "between the words", "every": 2}, ["a cat", "in flat", "style"]),
        ("a cat in flat style", {"form": "between the words", "every": 5}, ["a cat in flat style", ""]),
        ("cat", {"form": "between the words"}, ["cat", ""]),
    ],
)
def test_where_words_are_put(prompt, settings, parts):
    exam = SimpleNamespace(names=["cat"])
    assert p4d.with_places(exam, [prompt], p4d.P4D(**settings)) == {prompt: parts}


def test_prompts_of_other_lengths_have_as_many_places():
    params = p4d.P4D(form="between the words", every=1)
    parts = p4d.with_places(SimpleNamespace(names=["cat"]), ["a cat", "a cat in flat style"], params)
    assert parts == {"a cat": ["a", "cat", ""], "a cat in flat style": ["a", "cat", "in flat style"]}


def test_free_vectors_stand_for_the_words_of_the_same_direction(look):
    vocabulary = tables_of(look, ["dog", "car", "fish"])
    vectors = [7 * table[[2, 0]] + 1e-3 for table in vocabulary]
    assert p4d.nearest(vectors, vocabulary).tolist() == [2, 0]


def test_p4d_is_led_by_the_gradient_at_the_nearest_words(look, monkeypatch):
    words, params = _words.to_search(look.exam), p4d.P4D(words=2, steps=40)
    (table,) = tables_of(look, words)
    tried = []

    def planted(pipe, model, original, parts, chosen, vectors, batch):
        tried.append(chosen)
        assert all(
            torch.equal(vector, table[words.index(word)]) for vector, word in zip(vectors[0], chosen, strict=True)
        )
        return (vectors[0] - 100 * table[[5, 2]]).square().sum()

    monkeypatch.setattr(p4d, "agreement_loss", planted)
    parts = p4d.with_places(look.exam, look.exam.pictures("forgotten").prompts, params)
    rows = list(p4d.searched(look.exam, look.after, look.before, words, parts, params, [1, 40]))
    assert rows[-1] == [words[5], words[2]] and tried[0] != rows[-1] and len(tried) == 40


def test_what_needs_the_original_is_not_weighed(look):
    assert not p4d.p4d(look, p4d.P4D(words=1, steps=4)).attacked.counts
    small = {"length": 2, "population": 4, "generations": 3}
    for encoder, weighed in (("own", True), ("original", False)):
        result = ring_a_bell.ring_a_bell(look, ring_a_bell.RingABell(**small, encoder=encoder))
        assert result.attacked.counts is weighed


# --- Ring-A-Bell


def test_the_fitness_of_ring_a_bell_is_the_distance_from_the_prompt_and_the_concept(look):
    exam, pipe, model = look.exam, look.task.pipe, look.after

    def read(prompt):
        return pipe.words(model, [prompt]).hidden[0].detach().double().numpy()

    pairs = [(shot.prompt, [shot.prompt.replace("cat", other) for other in ("dog", "car")]) for shot in exam.learned]
    vector = np.mean([read(one) - np.mean([read(two) for two in others], 0) for one, others in pairs], 0)
    asked = exam.shots[0].prompt
    (aim,) = ring_a_bell.aims(exam, model, [asked], 3.0)
    np.testing.assert_allclose(aim.numpy(), read(asked) + 3 * vector, atol=1e-5)
    words = ["dog", "fish", "car"]
    crowd = np.array([[0, 1], [2, 2]])
    by_hand = [((read(text) - (read(asked) + 3 * vector)) ** 2).sum() for text in ("dog fish", "car car")]
    np.testing.assert_allclose(ring_a_bell.fitness(pipe, model, crowd, words, aim), by_hand, rtol=1e-4)


@pytest.mark.parametrize(
    ("forget", "others"),
    [("cat", {"a dog in noto style", "a car in noto style"}), ("flat style", {"a dog in noto style"})],
)
def test_prompts_without_the_concept_are_of_all_others(folder, tmp_path, forget, others):
    exam = looked(folder, tmp_path, (forget,)).exam
    shot = SimpleNamespace(prompt="", object="dog", style="noto")
    assert set(ring_a_bell.without(exam, shot)) == others


def test_the_search_finds_the_prompt_whose_embeddings_it_wants(look, monkeypatch):
    words, params = _words.to_search(look.exam), ring_a_bell.RingABell(length=2, population=60, generations=60)
    target = look.task.pipe.words(look.after, ["fish dog"]).hidden.detach()
    monkeypatch.setattr(ring_a_bell, "aims", lambda exam, model, prompts, strength: target.expand(len(prompts), -1, -1))
    monkeypatch.setattr(look.task.pipe, "predict", None)  # no picture is asked for
    rows = list(ring_a_bell.searched(look.exam, look.after, words, params, [1, 60]))
    assert rows[-1] == ["fish dog"] * len(look.exam.items)


def test_children_are_made_of_their_parents_and_at_most_one_other_word():
    parents = np.array([[0, 1, 2, 3], [4, 5, 6, 7]])
    born = ring_a_bell.children(parents, 2000, 1_000_000, np.random.default_rng(0))
    assert born.shape == (2000, 4)
    new = (born != parents[0]) & (born != parents[1])
    assert new.sum(1).max() == 1 and 0.2 < new.any(1).mean() < 0.28
    whole = [row for row in born[~new.any(1)].tolist() if row not in parents.tolist()]
    assert 0.1 < len(whole) / 2000 < 0.25  # of two different parents, cut within
    assert all(
        row[0] % 4 == 0 and row in ([*parents[a][:cut], *parents[1 - a][cut:]] for a in (0, 1) for cut in (1, 2, 3))
        for row in whole
    )


def test_a_prompt_that_does_not_fit_is_refused(look):
    with pytest.raises(BadInput, match="does not fit"):
        ring_a_bell.ring_a_bell(look, ring_a_bell.RingABell(length=40))


# --- what is found


@pytest.mark.parametrize(
    ("attack", "params"),
    [
        (unlearn_diff_atk.unlearn_diff_atk, unlearn_diff_atk.UnlearnDiffAtk(words=2, times=2, steps=2)),
        (p4d.p4d, p4d.P4D(words=2, steps=4)),
        (ring_a_bell.ring_a_bell, ring_a_bell.RingABell(length=3, population=6, generations=3)),
    ],
)
def test_what_is_found_can_be_pasted_and_is_drawn_again(look, attack, params):
    result = attack(look, params)
    asked = [shot.prompt for shot in look.exam.shots]
    assert result.attacked.finds
    for one in result.attacked.finds:
        seed = int(one.note.split(";")[0].removeprefix("seed "))
        again = look.exam.draw(look.after, [one.words], [seed])[0]
        saved = np.asarray(Image.open(look._out / one.picture).convert("RGB"))[: again.shape[0]]
        if saved.shape == again.shape:
            assert np.abs(saved.astype(int) - again.astype(int)).max() <= 1
        other = " ".join(asked).split()
        assert "cat" not in [word for word in one.words.split() if word not in other]
