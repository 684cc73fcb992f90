import pictures
import pytest
import torch

from backends.families.text_to_image import new_words
from backends.families.text_to_image.pipeline import Pipeline


@pytest.fixture(scope="module")
def pipe(tmp_path_factory):
    return Pipeline(pictures.make(tmp_path_factory.mktemp("tiny")), "tiny", torch.device("cpu"))


def test_a_name_of_several_tokens_becomes_one_place_and_the_rest_moves_up():
    ids = torch.tensor([[9, 1, 2, 3, 4, 8, 8], [9, 1, 4, 3, 2, 8, 8]])
    shortened, which = new_words.one_place_each(ids, [[2, 3]])
    assert shortened.tolist() == [[9, 1, 2, 4, 8, 8, 8], [9, 1, 4, 3, 2, 8, 8]]
    assert which.tolist() == [[-1, -1, 0, -1, -1, -1, -1], [-1] * 7]


def test_a_word_that_is_the_name_itself_is_read_as_the_name(pipe):
    model, prompts = pipe.load(), ["a cat in flat style", "a dog"]
    reader = new_words.reading(pipe, model, ["cat"], new_words.starts(pipe, model, ["cat"]))
    torch.testing.assert_close(pipe.words(reader, prompts).hidden, pipe.words(model, prompts).hidden)


def test_another_word_is_read_where_the_name_stands_and_nowhere_else(pipe):
    model = pipe.load()
    before = model.text_encoder.get_input_embeddings().weight.clone()
    reader = new_words.reading(pipe, model, ["cat"], [torch.ones(1, before.shape[1])])
    both = [pipe.words(one, ["a cat in flat style", "a dog"]).hidden for one in (model, reader)]
    assert not torch.allclose(both[0][0], both[1][0]) and torch.equal(both[0][1], both[1][1])
    assert torch.equal(model.text_encoder.get_input_embeddings().weight, before)
    assert torch.equal(pipe.words(model, ["a cat in flat style"]).hidden[0], both[0][0])  # no hook is left behind


def test_the_nearest_words_are_words_and_not_the_name(pipe):
    model = pipe.load()
    dog = model.text_encoder.get_input_embeddings().weight[new_words.token_ids(pipe, ["dog"])[0][-1]]
    near = new_words.nearest_words(pipe, model, dog, ["cat"])
    assert near[0] == "dog" and len(near) == 3 and all(word.isalpha() and word != "cat" for word in near)
