"""The loader of image classifiers, on the toy and on the embedded models."""

import shutil

import numpy as np
import pytest
import torch
import toy
import transformers
from PIL import Image
from transformers import AutoModelForImageClassification, ViTConfig, ViTForImageClassification, ViTImageProcessorPil

from backends.api import files
from backends.api.errors import BadInput
from backends.families.classifier.pixels import Pixels
from backends.families.classifier.task import Classifier

EMBEDDED = ("fashion-resnet", "fashion-vit")


@pytest.fixture(params=EMBEDDED)
def task(request):
    return Classifier(request.param)


@pytest.fixture
def copied(toy_folder, tmp_path):
    """A toy model folder that a test may break."""
    return shutil.copytree(toy_folder, tmp_path / "model")


def colour_model(folder, **config):
    """An untrained ViT for 16 x 16 colour images, saved in the standard layout."""
    ViTForImageClassification(
        ViTConfig(
            image_size=16, patch_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
            **config,
        )
    ).save_pretrained(folder)  # fmt: skip
    ViTImageProcessorPil(size={"height": 16, "width": 16}).save_pretrained(folder)
    return folder


def test_an_embedded_model_brings_its_data(task):
    assert task.data.id == "fashion-mnist" and task.names[5] == "Sandal"
    assert task.batch(np.arange(3)).x.shape == (3, 1, 28, 28)


def test_what_goes_in_is_what_the_models_own_processor_makes(task):
    image = task.show(7, test=True)
    direct = torch.tensor(task.pixels.processor(image, return_tensors="np")["pixel_values"])
    assert torch.allclose(task.batch(np.array([7]), test=True).x, direct, atol=1e-6)


def test_a_picture_of_another_size_and_in_colour_is_prepared(task):
    image = task.show(7).convert("RGB")
    assert np.array_equal(task.pixels.prepare(image), task.data.train.images[7])
    assert task.pixels.prepare(image.resize((300, 200))).shape == (28, 28, 1)


SIDES = {"size": {"height": 32, "width": 32}}
PROCESSORS = {
    "efficientnet": lambda: transformers.EfficientNetImageProcessorPil(**SIDES, crop_size=SIDES["size"]),
    "efficientnet without its top": lambda: transformers.EfficientNetImageProcessorPil(
        **SIDES, crop_size=SIDES["size"], include_top=False, rescale_offset=True, rescale_factor=1 / 127.5, do_normalize=False
    ),
    "convnext": lambda: transformers.ConvNextImageProcessorPil(size={"shortest_edge": 32}, crop_pct=0.9),
    "bit": lambda: transformers.BitImageProcessorPil(size={"shortest_edge": 36}, crop_size=SIDES["size"]),
    "siglip": lambda: transformers.SiglipImageProcessorPil(**SIDES),
    "levit": lambda: transformers.LevitImageProcessorPil(size={"shortest_edge": 32}, crop_size=SIDES["size"]),
    "mobilevit": lambda: transformers.MobileViTImageProcessorPil(size={"shortest_edge": 36}, crop_size=SIDES["size"]),
    "vit": lambda: transformers.ViTImageProcessorPil(**SIDES),
}  # fmt: skip


@pytest.mark.parametrize("kind", PROCESSORS)
def test_a_picture_is_what_any_processor_makes_of_it(tmp_path, kind):
    PROCESSORS[kind]().save_pretrained(tmp_path)
    pixels = Pixels(tmp_path, "own", 3, torch.device("cpu"))
    values = np.random.default_rng(0).integers(0, 256, (20, 20, 3)).repeat(4, 0).repeat(4, 1).astype(np.uint8)
    direct = torch.tensor(np.array(pixels.processor(Image.fromarray(values), return_tensors="np")["pixel_values"]))
    ours = pixels.normalise(torch.from_numpy(pixels.prepare(Image.fromarray(values))).permute(2, 0, 1)[None])
    assert ours.shape == direct.shape and (ours - direct).abs().max() < 0.02


def test_a_processor_that_does_more_than_can_be_taken_apart_is_refused(tmp_path, monkeypatch):
    transformers.ViTImageProcessorPil(**SIDES).save_pretrained(tmp_path)
    plain = transformers.ViTImageProcessorPil.normalize
    monkeypatch.setattr(transformers.ViTImageProcessorPil, "normalize", lambda *a, **k: np.abs(plain(*a, **k)))
    with pytest.raises(BadInput, match=r"own \(ViTImageProcessorPil\) does more to a picture than to resize"):
        Pixels(tmp_path, "own", 3, torch.device("cpu"))


def test_a_model_of_many_classes_is_used_with_images_of_some(tmp_path):
    model = colour_model(tmp_path / "model", id2label=dict(enumerate(["tench, Tinca tinca", "ant", "bee", "crane"])))
    for name, colour in (("Tench", "green"), ("bee", "yellow")):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(5):
            Image.new("RGB", (16, 16), colour).save(tmp_path / "images" / name / f"{number}.png")
    task = Classifier(str(model), str(tmp_path / "images"))
    said = task.describe(task.load())
    assert said["classes"] == ["Tench", "bee"] and np.shape(said["confusion"]) == (2, 2)
    assert said["notes"] == ["It has images of 2 of the model's 4 classes; the others are not measured."]
    task.resolve(("bee",))
    assert task.forgotten_classes == [2] and len(task.parts["forget"]) == 4
    assert task.outputs(task.load())["test"].shape == (2, 4)
    with pytest.raises(BadInput, match="There are no images of the class 'ant'; add a folder of them to the data"):
        task.again().resolve(("ant",))


def test_a_model_that_gives_many_labels_at_once_is_refused(tmp_path):
    model = colour_model(tmp_path / "model", num_labels=2, problem_type="multi_label_classification")
    with pytest.raises(BadInput, match="gives a picture any number of labels at once"):
        Classifier(str(model), toy.data())


def test_an_uploaded_picture_gives_the_same_answer_as_the_data(task, tmp_path):
    task.show(7).save(tmp_path / "seven.png")
    assert torch.allclose(task.pixels.open(tmp_path / "seven.png"), task.batch(np.array([7])).x, atol=1e-6)
    (tmp_path / "seven.txt").write_text("seven")
    with pytest.raises(BadInput, match=r"seven\.txt is no image"):
        task.pixels.open(tmp_path / "seven.txt")


def test_what_goes_into_the_last_layer_gives_the_answer(task):
    model = task.load()
    x = task.batch(np.arange(6)).x
    with torch.no_grad():
        features = task.features(model, x)
        assert features.ndim == 2
        assert torch.allclose(task.head(model)(features), task.forward(model, x), atol=1e-5)


def test_the_same_seed_gives_the_same_new_weights(task):
    def weights(seed):
        return torch.cat([tensor.flatten() for tensor in task.fresh(seed).parameters()])

    before = torch.get_rng_state()
    assert torch.equal(weights(3), weights(3)) and not torch.equal(weights(3), weights(4))
    assert torch.equal(before, torch.get_rng_state())


def test_outputs_are_in_order_and_leave_the_model_as_it_was(toy_task):
    model = toy_task.load().train()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    said = toy_task.outputs(model)
    assert model.training and all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())
    assert said["train"].shape == (toy.TRAIN, 5) and said["test"].shape == (toy.TEST, 5)
    with torch.no_grad():
        one = toy_task.forward(model.eval(), toy_task.batch(np.array([123]), test=True).x)
    assert np.allclose(said["test"][123], one.numpy(), atol=1e-5)


def test_augmentation_flips_about_half_and_only_where_the_recipe_says(task):
    plain, drawn = (task.batch(np.arange(400), augment=augment).x for augment in (False, True))
    same = (plain == drawn).flatten(1).all(1)
    mirrored = (plain.flip(3) == drawn).flatten(1).all(1)
    assert (same | mirrored).all() and 140 < int(same.sum()) < 260


def test_a_batch_marks_what_is_to_be_forgotten(toy_task):
    batch = toy_task.batch(np.arange(10))
    assert batch.forget.tolist() == [label == 2 for label in batch.y.tolist()]


def test_samples_show_forgotten_neighbours_and_others(toy_task):
    shown = toy_task.sample(toy_task.load())
    assert shown == toy_task.sample(toy_task.load())
    assert {item["label"] for item in shown if item["role"] == "forget"} == {2}
    assert all(item["id"].startswith("test-") for item in shown)
    model = toy_task.load()
    for item in shown:
        assert abs(sum(item["probabilities"]) - 1) < 1e-3
        with torch.no_grad():
            alone = toy_task.forward(model, toy_task.batch(np.array([int(item["id"][5:])]), test=True).x).softmax(1)
        assert np.allclose(item["probabilities"], alone[0].numpy(), atol=1e-4)


def test_a_random_set_is_shown_by_its_training_images(toy_folder):
    task = toy.task(toy_folder, ("random:10%",))
    ids = {int(item["id"][6:]) for item in task.sample(task.load()) if item["role"] == "forget"}
    assert len(ids) == 8 and ids <= set(task.parts["forget"].tolist())


def test_a_folder_of_colour_images_and_an_own_model(tmp_path):
    folder = colour_model(tmp_path / "model", id2label={0: "red", 1: "green"}, label2id={"red": 0, "green": 1})
    for name, colour in (("red", (255, 0, 0)), ("green", (0, 255, 0))):
        for number in range(5):
            (tmp_path / "images" / name).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (30, 20), colour).save(tmp_path / "images" / name / f"{number}.png")
    task = Classifier(str(folder), str(tmp_path / "images"))
    assert task.names == ["red", "green"] and len(task.data.train) == 8 and len(task.data.test) == 2
    batch = task.batch(np.array([0]), test=True)
    assert int(batch.y) == 0 and torch.allclose(batch.x[0, :, 3, 3], torch.tensor([1.0, -1.0, -1.0]), atol=1e-5)
    assert task.outputs(task.load())["train"].shape == (8, 2)


def test_an_own_model_needs_data(copied):
    with pytest.raises(BadInput, match="brings no data; give a folder"):
        Classifier(str(copied))


def test_data_with_another_number_of_classes(copied):
    data = toy.data()
    with pytest.raises(BadInput, match="tells 5 classes apart, but the data holds 4"):
        Classifier(str(copied), type(data)(data.id, data.names[:4], data.train, data.test))


def broken(copied, match):
    with pytest.raises(BadInput, match=match) as caught:
        Classifier(str(copied), toy.data()).load()
    assert "\n" not in str(caught.value)


def test_a_config_that_is_no_image_classifier(copied):
    files.write_json(copied / "config.json", {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]})
    broken(copied, "is a gpt2 model, which is no image classifier")


def test_a_config_of_an_unknown_type(copied):
    files.write_json(copied / "config.json", {"model_type": "nonesuch"})
    broken(copied, "has a config.json that transformers cannot read")


def test_a_config_that_is_no_json(copied):
    (copied / "config.json").write_text("{")
    broken(copied, "has a config.json that transformers cannot read")


def test_a_model_without_a_processor(copied):
    (copied / "preprocessor_config.json").unlink()
    broken(copied, "has no image processor that works here")


def test_a_config_with_values_that_make_no_sense(copied):
    files.write_json(copied / "config.json", files.read_json(copied / "config.json") | {"hidden_sizes": "wide"})
    broken(copied, "has a config.json that transformers cannot read")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("[1]", "card.json of .* is no JSON object"),
        ("{", "card.json of .* is no JSON object"),
        ('{"recipe": {"epochs": 0}}', "says epochs 0 in its recipe, but input should be greater than or equal to 1"),
        ('{"recipe": {"optimizer": "magic"}}', "says optimizer 'magic' in its recipe"),
        ('{"recipe": "long"}', "says recipe 'long' in its recipe"),
    ],
)
def test_a_card_that_cannot_be_followed(copied, content, match):
    (copied / "card.json").write_text(content)
    broken(copied, match)


def test_damaged_weights(copied):
    path = copied / "model.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    broken(copied, "The weights of .* cannot be loaded")


def test_weights_without_a_head(copied):
    from safetensors.torch import load_file, save_file

    tensors = {
        name: tensor for name, tensor in load_file(copied / "model.safetensors").items() if "classifier" not in name
    }
    save_file(tensors, copied / "model.safetensors", {"format": "pt"})
    broken(copied, "holds no weights for classifier.1.bias")


def test_weights_in_several_files(copied, toy_task):
    model = AutoModelForImageClassification.from_pretrained(copied)
    (copied / "model.safetensors").unlink()
    model.save_pretrained(copied, max_shard_size="8KB")
    assert len(list(copied.glob("*.safetensors"))) > 1
    loaded = Classifier(str(copied), toy.data()).load().state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in toy_task.load().state_dict().items())
