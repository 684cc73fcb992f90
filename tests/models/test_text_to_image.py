import numpy as np
import pictures
import pytest
import torch

from backends.api.errors import BadInput
from backends.families.text_to_image import judges
from backends.families.text_to_image.task import TextToImage


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return pictures.make(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def task(place):
    return pictures.task(place)


class Sees:
    """A judge that takes every picture for a cat in noto style, sure to e : 1 : 1."""

    name = "sees cats"

    def look(self, images, asked=()):
        rows = len(images)
        return {
            "object": np.tile(np.float32([1, 0, 0]), (rows, 1)),
            "style": np.tile(np.float32([0, 1]), (rows, 1)),
            "features": np.zeros((rows, 2), np.float32),
        }


def test_parts_are_what_of_the_suite_asks_for_it(task):
    assert [task.asking.suite[i].object for i in task.parts["forget"]] == ["cat", "cat"]
    assert sum(len(part) for part in task.parts.values()) == len(task.asking.suite)


def test_pictures_depend_on_prompt_and_seed_and_nothing_else(task):
    model = task.load()
    one = task.draw(model, ["a cat", "a dog", "a cat"], [1, 1, 2])
    alone = task.draw(model, ["a cat"], [1])
    assert one.dtype == np.uint8 and one.shape == (3, 16, 16, 3)
    np.testing.assert_allclose(one[0].astype(int), alone[0].astype(int), atol=1)
    assert not np.array_equal(one[0], one[1]) and not np.array_equal(one[0], one[2])


def test_outputs_are_the_pictures_of_the_suite_and_what_the_judge_says(task):
    task.judge = Sees()
    said = task.outputs(task.load())
    assert {name: len(rows) for name, rows in said.items()} == dict.fromkeys(
        ("images", "object", "style", "features"), 6
    )


def test_outputs_leave_the_model_in_its_mode(task):
    model = task.load().train()
    task.outputs(model)
    assert model.training


def test_what_is_watched_is_a_few_of_every_role_with_a_picture(task):
    task.judge = Sees()
    items = task.sample(task.load())
    assert [item["role"] for item in items] == ["forget"] * 2 + ["neighbour"] * 2
    assert len({item["id"] for item in items}) == len(items) and items[0]["image"].size == (16, 16)
    assert items[0]["share"] == pytest.approx(np.e / (np.e + 2))


def test_without_a_judge_nobody_is_sure(task):
    assert np.isnan(task.sample(task.load())[0]["share"])


def test_the_same_targets_in_another_order_have_the_same_key(place):
    one, two = pictures.task(place, ("cat", "noto style")), pictures.task(place, ("noto style", "cat"))
    assert one.forget_key == two.forget_key != pictures.task(place).forget_key


def test_outputs_are_kept_by_what_is_drawn_and_not_by_what_is_forgotten(place):
    cat, dog = pictures.task(place, ("cat",)), pictures.task(place, ("dog",))
    assert cat.outputs_key() == dog.outputs_key()
    dog.drawing = dog.drawing | {"steps": 9}
    assert cat.outputs_key() != dog.outputs_key()


def test_again_shares_what_is_open_and_forgets_the_targets(task):
    other = task.again()
    assert other.pipe is task.pipe and other.parts == {} and not hasattr(other, "asking")
    other.resolve(["dog"])
    assert task.asking.forget[0].object == "cat"


def test_only_the_named_kind_is_judged(place):
    assert pictures.task(place, ("flat style",)).domain == "style"
    assert pictures.task(place, ("flat style", "cat")).domain == "object"


def test_a_precision_is_measured_with_a_training_step(task):
    step = task.trial()
    step()
    assert "cross_attention_dim=16" in task.architecture


def test_a_person_s_own_pipeline_takes_free_text(tmp_path):
    made = pictures.task(pictures.make(tmp_path, card=False), ("grumpy cat",), ("happy dog",))
    assert made.judge is None and made.drawing["guidance"] == 7.5
    assert made.describe(made.load())["size"] == [16, 16, 3]


def test_a_folder_that_is_no_clip_model_is_no_judge(tmp_path, place):
    with pytest.raises(BadInput, match="cannot be opened as a CLIP model"):
        _ = TextToImage(str(place), str(pictures.make(tmp_path))).judge or judges.open_judge(
            "", str(place), torch.device("cpu")
        )


def test_a_clip_model_judges(tmp_path, place):
    from transformers import CLIPConfig, CLIPModel

    from backends.zoo._emoji import tokenizer

    words = tokenizer()
    config = CLIPConfig(
        text_config={
            "vocab_size": len(words), "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
            "num_attention_heads": 2, "max_position_embeddings": 16, "bos_token_id": words.bos_token_id,
            "eos_token_id": words.eos_token_id, "pad_token_id": words.pad_token_id,
        },
        vision_config={"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 16, "patch_size": 8},
        projection_dim=8,
    )  # fmt: skip
    torch.manual_seed(0)
    CLIPModel(config).save_pretrained(tmp_path)
    words.save_pretrained(tmp_path)
    judge = judges.open_judge("", str(tmp_path), torch.device("cpu"))
    images = np.random.default_rng(0).integers(0, 255, (3, 16, 16, 3), np.uint8)
    said = judge.look(images, ["a cat", "a dog", "a cat"])
    assert said["clip"].shape == (3, 2) and said["features"].shape == (3, 8)
    assert np.abs(said["clip"]).max() <= 100.001
