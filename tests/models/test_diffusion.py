import json
import shutil

import numpy as np
import pictures
import pytest
import torch
from safetensors.torch import load_file, save_file

from backends.api import own
from backends.api.errors import BadInput
from backends.families.text_to_image import pipeline
from backends.families.text_to_image.pipeline import Pipeline, join
from backends.families.text_to_image.task import TextToImage

CPU = torch.device("cpu")


@pytest.fixture(scope="module", params=["v_prediction", "epsilon"])
def folder(request, tmp_path_factory):
    return pictures.make(tmp_path_factory.mktemp(request.param), kind=request.param)


@pytest.fixture
def pipe(folder):
    return Pipeline(folder, "tiny", CPU)


def test_drawing_is_what_the_pipeline_of_diffusers_draws(folder, pipe):
    from diffusers import StableDiffusionPipeline

    theirs = StableDiffusionPipeline.from_pretrained(folder, low_cpu_mem_usage=False)
    theirs.set_progress_bar_config(disable=True)
    model, start = pipe.load(), pipe.start([3, 5])
    ours = pipe.draw(model, pipe.words(model, ["a cat", "a dog"]), start, 4, 2.0)
    wanted = theirs(
        ["a cat", "a dog"], latents=start.clone(), num_inference_steps=4, guidance_scale=2.0, output_type="latent"
    ).images
    torch.testing.assert_close(ours, wanted, atol=1e-4, rtol=1e-4)


def test_a_perfect_prediction_gives_back_noise_and_picture(pipe):
    x0, noise = pipe.start([1, 2]), pipe.start([3, 4])
    t = torch.tensor([100, 700])
    x = pipe.noised(x0, noise, t)
    said = pipe.truth(x0, noise, t)
    torch.testing.assert_close(pipe.as_noise(said, x, t), noise, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(pipe.as_clean(said, x, t), x0, atol=1e-3, rtol=1e-3)


def test_without_signal_the_noise_is_the_latents_themselves(tmp_path):
    pipe = Pipeline(pictures.make(tmp_path), "tiny", CPU)
    t, x = torch.tensor([999]), pipe.start([1])
    assert float(pipe.scale(t)[0]) == 0
    torch.testing.assert_close(pipe.as_noise(pipe.start([2]), x, t), x)


def test_the_same_seed_starts_from_the_same_noise_whatever_stands_beside_it(pipe):
    assert torch.equal(pipe.start([7, 8])[1], pipe.start([8])[0])


def test_guidance_one_asks_the_network_once_and_is_the_prompt_alone(pipe):
    model, start = pipe.load(), pipe.start([1])
    words = pipe.words(model, ["a cat"])
    calls = []
    model.unet.register_forward_hook(lambda *_: calls.append(1))
    one = pipe.draw(model, words, start, 3, 1.0)
    assert len(calls) == 3
    near = pipe.draw(model, words, start, 3, 1.0001)
    torch.testing.assert_close(one, near, atol=1e-2, rtol=1e-2)


def test_every_stop_of_the_way_is_shown(pipe):
    model, seen = pipe.load(), []
    pipe.draw(
        model, pipe.words(model, ["a cat"]), pipe.start([1]), 3, 2.0, on_step=lambda n, x, s, f: seen.append((n, s, f))
    )
    assert [n for n, _, _ in seen] == [0, 1, 2] and all(s.shape == f.shape for _, s, f in seen)


def test_words_are_joined_and_taken_apart(pipe):
    words = pipe.words(pipe.load(), ["a cat", "a dog", ""])
    both = join([words[:1], words[[2, 1]]])
    assert torch.equal(both.hidden, words.hidden[[0, 2, 1]]) and torch.equal(both.ids, words.ids[[0, 2, 1]])


def test_a_written_model_loads_with_diffusers_and_draws_the_same(pipe, tmp_path):
    from diffusers import StableDiffusionPipeline

    model = pipe.load()
    with torch.no_grad():
        next(model.unet.parameters()).add_(0.1)
    start = pipe.start([1])
    ours = pipe.draw(model, pipe.words(model, ["a cat"]), start, 2, 1.0)
    tmp_path.joinpath("out").mkdir()
    pipe.write(model, tmp_path / "out")
    theirs = StableDiffusionPipeline.from_pretrained(tmp_path / "out", low_cpu_mem_usage=False)
    theirs.set_progress_bar_config(disable=True)
    said = theirs("a cat", latents=start, num_inference_steps=2, guidance_scale=1.0, output_type="latent").images
    torch.testing.assert_close(ours, said, atol=1e-4, rtol=1e-4)


def test_pictures_go_through_the_autoencoder_and_back(pipe):
    images = np.full((2, 16, 16, 3), 200, np.uint8)
    latents = pipe.latents(images)
    assert latents.shape == (2, 4, 8, 8)
    assert pipe.pixels(latents).shape == images.shape


def test_fresh_weights_are_others_and_come_from_the_seed(pipe):
    one, again, other = (pipe.fresh(seed).state_dict() for seed in (1, 1, 2))
    name = "unet.conv_in.weight"
    assert torch.equal(one[name], again[name]) and not torch.equal(one[name], other[name])
    assert not torch.equal(one[name], pipe.load().state_dict()[name])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"unet": None}, "has no U-Net"),
        (
            {"unet": [None, None], "transformer": ["diffusers", "FluxTransformer2DModel"]},
            "but a FluxTransformer2DModel",
        ),
        ({"_class_name": "KandinskyPipeline"}, "give a StableDiffusionPipeline"),
    ],
)
def test_a_pipeline_without_a_fitting_u_net_is_refused(tmp_path, change, said):
    place = pictures.make(tmp_path)
    path = place / "model_index.json"
    path.write_text(json.dumps({k: v for k, v in (json.loads(path.read_text()) | change).items() if v is not None}))
    with pytest.raises(BadInput, match=said):
        Pipeline(place, "own", CPU)


def test_a_damaged_part_is_named_in_one_sentence(tmp_path):
    place = pictures.make(tmp_path)
    (place / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"nothing")
    with pytest.raises(BadInput, match="cannot be loaded"):
        Pipeline(place, "own", CPU).load()


def parts_of(place):
    return {path.parent.name: path for path in place.glob("*/*.safetensors")}


def test_a_pipeline_of_half_numbers_alone_is_read_and_written_as_any_other(tmp_path):
    from diffusers import StableDiffusionPipeline

    place = pictures.make(tmp_path / "drawer")
    whole = Pipeline(place, "own", CPU).load().state_dict()
    for path in parts_of(place).values():
        path.rename(path.with_suffix(".fp16.safetensors"))
    task = TextToImage(str(place))
    assert task.notes == ["Only its fp16 weights are there; they are read as 32-bit numbers."]
    model = task.load()
    assert all(torch.equal(tensor, whole[name]) for name, tensor in model.state_dict().items())
    (tmp_path / "out").mkdir()
    task.write(model, tmp_path / "out")
    again = StableDiffusionPipeline.from_pretrained(tmp_path / "out", low_cpu_mem_usage=False)
    assert torch.equal(again.vae.decoder.conv_in.weight, task.pipe.vae.decoder.conv_in.weight.contiguous())


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_a_part_that_lacks_weights_is_named_and_nothing_is_made_up(tmp_path, part):
    path = parts_of(pictures.make(tmp_path))[part]
    weights = load_file(path)
    gone = sorted(name for name in weights if name.endswith("weight"))[0]
    save_file({name: tensor for name, tensor in weights.items() if name != gone}, path, {"format": "pt"})
    with pytest.raises(BadInput, match=f"own/{part} holds no weights for {gone}; give a model that is whole"):
        pipe = Pipeline(tmp_path, "own", CPU)
        assert pipe.load() and pipe.vae


@pytest.mark.parametrize("part", ["tokenizer", "scheduler", "vae"])
def test_a_part_that_is_not_there_is_named(tmp_path, part):
    place = pictures.make(tmp_path)
    shutil.rmtree(place / part)
    with pytest.raises(
        BadInput, match=f"own has no {part}; a pipeline needs unet, vae, text_encoder, tokenizer, scheduler"
    ):
        Pipeline(place, "own", CPU)


def test_a_quantised_part_is_refused_when_the_folder_is_named(tmp_path):
    path = pictures.make(tmp_path) / "unet" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"quantization_config": {"quant_method": "torchao"}}))
    with pytest.raises(BadInput, match=r"/unet is quantised \(torchao\)"):
        own.check_folder(tmp_path, str(tmp_path))


def test_another_kind_of_prediction_is_refused(tmp_path):
    place = pictures.make(tmp_path)
    path = place / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"prediction_type": "sample"}))
    with pytest.raises(BadInput, match="'sample'"):
        Pipeline(place, "own", CPU)


def test_larger_pictures_go_in_smaller_groups_and_come_out_the_same(pipe, monkeypatch):
    model, start = pipe.load(), pipe.start(range(3))
    words = pipe.words(model, ["a cat"] * 3)
    together = pipe.draw(model, words, start, 2, 1.5)
    monkeypatch.setattr(pipeline, "AT_ONCE", 64)  # places, as many as one of these pictures has
    assert pipe.rows == 1
    torch.testing.assert_close(pipe.draw(model, words, start, 2, 1.5), together, atol=1e-4, rtol=1e-4)


def test_a_picture_has_the_size_that_was_asked_for(pipe):
    model = pipe.load()
    words = pipe.words(model, ["a cat"])
    sizes = [pipe.pixels(pipe.draw(model, words, pipe.start([0], size), 2, 1.5)).shape for size in (0, 24, 32)]
    assert sizes == [(1, 16, 16, 3), (1, 24, 24, 3), (1, 32, 32, 3)]


@pytest.mark.parametrize("size", [25, 14, 34, -16])
def test_a_size_that_the_model_cannot_make_is_refused_with_those_it_can(pipe, size):
    with pytest.raises(
        BadInput, match=rf"size of {size} .* tiny draws squares of 16 to 32 pixels a side, in steps of 2"
    ):
        pipe.start([0], size)
