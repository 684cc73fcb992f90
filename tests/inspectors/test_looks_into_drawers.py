"""Looks into models that draw: what holds for each of them, and known answers on a tiny pipeline."""

import copy
import math

import drawn
import looks
import numpy as np
import pictures
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from backends.api.errors import BadInput
from backends.core import registry
from backends.core.evidence import Evidence
from backends.families.text_to_image.worst_prompts import MADE, Searched
from backends.inspectors import cross_attention as words
from backends.inspectors._common import TEXT_KEYS, from_entrance, layer
from backends.inspectors._pictures import beside, gradients, heat, reduced, spread

DRAWS = [
    name for name, one in registry.entries("inspectors").items() if one.entry.works_with.get("text-to-image") is True
]
QUICK = {"dose": {"steps": 4, "pictures": 6}, "cross_attention": {"prompts": 2}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return pictures.make(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    return pictures.make(tmp_path_factory.mktemp("own"), kind="epsilon", card=False)


@pytest.fixture
def task(folder):
    return drawn.task(folder)


@pytest.fixture(params=DRAWS)
def inspector(request):
    return request.param


def found(inspector, seen, **params):
    return looks.found(inspector, seen, **(QUICK.get(inspector, {}) | params))


def test_all_that_should_work_do():
    assert set(DRAWS) >= {
        "accuracy_grid",
        "cross_attention",
        "embedding_map",
        "weight_saliency",
        "weight_change",
        "dose",
    }


def test_those_that_do_not_say_why():
    for name, one in registry.entries("inspectors").items():
        why = one.entry.works_with.get("text-to-image")
        if name not in DRAWS:
            assert isinstance(why, str) and why.endswith(".") and len(why.split()) > 3, name


def test_panels_are_sound_and_repeat_and_models_are_left_as_they_were(task, inspector, tmp_path):
    seen = drawn.look(task, tmp_path, looks.shaken(task))
    states = {when: copy.deepcopy(getattr(seen, when).state_dict()) for when in ("before", "after")}
    processors = dict(seen.after.unet.attn_processors)
    first = found(inspector, seen)
    looks.sound(first, tmp_path)
    assert [panel.model_dump_json() for panel in found(inspector, seen)] == [panel.model_dump_json() for panel in first]
    for when, state in states.items():
        model = getattr(seen, when)
        assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
        assert not model.training
        assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert all(seen.after.unet.attn_processors[name] is one for name, one in processors.items())


def test_a_person_s_own_model_without_a_judge(own, inspector, tmp_path):
    task = drawn.task(own, ("grumpy cat",), judged=False)
    looks.sound(found(inspector, drawn.look(task, tmp_path, looks.shaken(task))), tmp_path)


@pytest.mark.parametrize("forget", [("flat style",), ("cat in noto style", "dog")], ids=["style", "pair and object"])
def test_every_kind_of_target(folder, inspector, tmp_path, forget):
    task = drawn.task(folder, forget)
    looks.sound(found(inspector, drawn.look(task, tmp_path, looks.shaken(task))), tmp_path)


def test_a_model_that_gives_no_numbers_any_more(task, inspector, tmp_path):
    broken = task.load()
    with torch.no_grad():
        broken.unet.conv_in.weight.fill_(math.nan)
    looks.sound(found(inspector, drawn.look(task, tmp_path, broken)), tmp_path)


class TestAccuracyGrid:
    def grids(self, folder, tmp_path, forget, before=(), after=(), domain="object", **params):
        task = drawn.task(folder, forget)
        said = {"before": drawn.answers(task, before, domain), "after": drawn.answers(task, after, domain)}
        found = looks.found("accuracy_grid", drawn.look(task, tmp_path, said=said), **params)
        both, after, before, thing, style = found  # as a page shows them: the answer first
        return before, after, both, thing, style

    def test_one_picture_that_turned_wrong_is_one_cell(self, folder, tmp_path):
        suite = drawn.task(folder).asking.suite
        at = next(i for i, shot in enumerate(suite) if (shot.object, shot.style) == ("dog", "noto"))
        before, after, both, thing, style = self.grids(folder, tmp_path, ("dog",), after=[at])
        place = before.rows.index("dog"), before.columns.index("noto")
        assert np.all(np.array(before.z) == 100)
        expected = np.full((3, 2), 100.0)
        expected[place] = 0
        assert np.array_equal(after.z, expected)
        assert np.array_equal(both.z, expected - 100) and np.array_equal(thing.z, expected - 100)
        assert not np.any(style.z)
        assert (
            both.says
            == "Of 2 cells of what was to be forgotten 1 fell and 0 rose; of 4 cells of what was to be kept 0 fell and 0 rose."
        )

    def test_a_wrong_style_counts_against_both_but_not_against_the_object(self, folder, tmp_path):
        _, after, both, thing, style = self.grids(folder, tmp_path, ("dog",), after=[0], domain="style")
        assert np.sum(after.z) == 500 and np.sum(both.z) == np.sum(style.z) == -100 and not np.any(thing.z)

    @pytest.mark.parametrize(
        ("forget", "rows", "columns"), [("car", [2], []), ("noto style", [], [1]), ("cat in flat style", [], [])]
    )
    def test_what_is_forgotten_is_marked(self, folder, tmp_path, forget, rows, columns):
        for panel in self.grids(folder, tmp_path, (forget,)):
            assert (panel.marked, panel.marked_columns) == (rows, columns)

    def test_probabilities_are_those_of_the_judge(self, folder, tmp_path):
        before = self.grids(folder, tmp_path, ("cat",), value="probability")[0]
        thing, style = (math.exp(4) / (math.exp(4) + count - 1) for count in (3, 2))
        assert np.array(before.z) == pytest.approx(np.full((3, 2), 100 * thing * style))

    def test_every_cell_shows_its_own_pictures(self, folder, tmp_path):
        panel = self.grids(folder, tmp_path, ("cat",), after=[0])[2]
        shown = [picture for row in panel.pictures for cell in row for picture in cell]
        assert len({(tmp_path / one.path).read_bytes() for one in shown}) == 6
        first = drawn.task(folder).asking.suite[0]
        (cell,) = panel.pictures[panel.rows.index(first.object)][panel.columns.index(first.style)]
        assert cell.caption == "seen as cat in flat before, dog in flat after" and cell.role == "forget"

    def test_without_a_judge_one_sentence(self, folder, tmp_path):
        (panel,) = looks.found("accuracy_grid", drawn.look(drawn.task(folder, judged=False), tmp_path))
        assert panel.sign == "unknown" and "no judge" in panel.says


class TestCrossAttention:
    def test_words_are_merged_from_their_tokens(self, task):
        found = words.merged(task.pipe, "a hot dog, in flat style")
        assert [word.text for word in found] == ["a", "hot", "dog", "in", "flat", "style"]
        ids = task.pipe.ids(["a hot dog, in flat style"])[0].tolist()
        for word in found:
            own = task.pipe.tokenizers[0].convert_ids_to_tokens([ids[at] for at in word.tokens])
            assert "".join(own).replace("</w>", "") == word.text

    def test_a_prompt_that_is_too_long_is_read_as_far_as_the_model_does(self, task):
        assert len(words.merged(task.pipe, "cat " * 40)) == task.pipe.tokens - 2

    def test_shares_are_those_of_the_layers_by_hand(self, task, tmp_path):
        """With one step and keys that are all alike, every token gets the same share at every place."""
        after = task.load()
        with torch.no_grad():
            for name, parameter in after.unet.named_parameters():
                if name.endswith("attn2.to_k.weight"):
                    parameter.zero_()
        bars, *maps = looks.found("cross_attention", drawn.look(task, tmp_path, after), prompts=3)

        def share(word):
            return 100 * len(word.tokens) / task.pipe.tokens

        own = [words.merged(task.pipe, label.partition(":")[0])[0] for label in bars.labels]
        assert looks.series(bars)["after"] == pytest.approx([share(word) for word in own], rel=1e-4)
        assert bars.marked == [0, 2] and bars.labels[0].startswith("cat: a cat in ")
        for panel in maps:
            prompt = panel.title.strip("“”")
            assert panel.columns == ["picture", *prompt.split()]
            said = [float(picture.caption.removesuffix(" %")) for picture in panel.rows[1][1:]]
            assert said == pytest.approx([share(word) for word in words.merged(task.pipe, prompt)], abs=0.06)

    def test_the_pictures_are_those_of_the_suite(self, task, tmp_path):
        seen = drawn.look(task, tmp_path, looks.shaken(task))
        panel = looks.found("cross_attention", seen, prompts=1)[1]
        at = next(i for i, shot in enumerate(task.asking.suite) if f"“{shot.prompt}”" == panel.title)
        for when, row in zip(("before", "after"), panel.rows, strict=True):
            with Image.open(tmp_path / row[0].path) as image:
                small = np.asarray(image.resize((16, 16), Image.Resampling.NEAREST)).astype(int)
            assert np.abs(small - seen.outputs(when)["images"][at]).max() <= 1

    def test_the_same_model_gives_the_same_maps(self, task, tmp_path):
        for panel in looks.found("cross_attention", drawn.look(task, tmp_path), prompts=2)[1:]:
            for before, after in zip(*panel.rows, strict=True):
                assert (tmp_path / before.path).read_bytes() == (tmp_path / after.path).read_bytes()
            assert panel.says.startswith("No word gets more or less")

    def test_a_prompt_of_ones_own_comes_first(self, task, tmp_path):
        bars, first, *_ = looks.found(
            "cross_attention", drawn.look(task, tmp_path), prompts=1, prompt="two  dogs and a cat"
        )
        assert first.title == "“two dogs and a cat”" and bars.labels[0] == "cat: two dogs and a cat"

    def test_a_prompt_without_a_word_is_refused(self, task, tmp_path):
        with pytest.raises(BadInput, match=r"'\?!' holds no word"):
            looks.found("cross_attention", drawn.look(task, tmp_path), prompt="?!")

    def test_the_word_at_stake_is_the_style_where_a_style_is_forgotten(self, folder, tmp_path):
        bars = looks.found("cross_attention", drawn.look(drawn.task(folder, ("flat style",)), tmp_path), prompts=2)[0]
        assert {label.partition(":")[0] for label in bars.labels} == {"flat", "noto"}

    def test_layers_of_any_size_are_brought_to_that_of_the_latents(self):
        assert words._size((8, 8), 16) == (4, 4) and words._size((96, 64), 24 * 16) == (24, 16)
        assert words._size((7, 5), 12) == (4, 3)
        coarse, fine = torch.full((1, 1, 16, 3), 0.9), torch.full((1, 1, 64, 3), 0.1)
        torch.testing.assert_close(
            words._over_layers([("a", coarse), ("b", fine)], (8, 8), 1), torch.full((1, 3, 8, 8), 0.1)
        )
        assert words._over_layers([("a", coarse)], (8, 8), 1).shape == (1, 3, 8, 8)


class TestMap:
    def test_an_unchanged_model_does_not_move(self, task, tmp_path):
        (panel,) = looks.found("embedding_map", drawn.look(task, tmp_path))
        assert len(panel.points) == 6 and all(point.after == point.before for point in panel.points)
        assert {point.label: point.role for point in panel.points}["a cat in flat style"] == "forget"

    def test_points_say_what_the_judge_sees_and_show_both_pictures(self, task, tmp_path):
        seen = drawn.look(task, tmp_path, looks.shaken(task, 1.0))
        (panel,) = looks.found("embedding_map", seen)
        assert all(point.after != point.before for point in panel.points)
        assert panel.points[0].text.count("%") == 4 and "→" in panel.points[0].text
        with Image.open(tmp_path / panel.points[0].image) as image:
            assert image.width > 2 * 64 > image.height

    def test_without_a_judge_there_is_no_map(self, folder, tmp_path):
        (panel,) = looks.found("embedding_map", drawn.look(drawn.task(folder, judged=False), tmp_path))
        assert panel.sign == "unknown" and "nobody judges" in panel.says


class TestWeights:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("text_encoder.embeddings.token_embedding.weight", "text encoder words"),
            ("text_encoder.text_model.encoder.layers.11.mlp.fc1.weight", "text encoder layer 11"),
            ("text_encoder.encoder.layers.0.self_attn.k_proj.bias", "text encoder layer 0"),
            ("text_encoder.final_layer_norm.weight", "text encoder end"),
            ("text_encoder_2.text_model.encoder.layers.3.mlp.fc1.weight", "second text encoder layer 3"),
            ("unet.conv_in.weight", "U-Net in"),
            ("unet.time_embedding.linear_1.weight", "U-Net time"),
            ("unet.down_blocks.1.resnets.0.conv1.weight", "U-Net down 1"),
            ("unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_k.weight", "U-Net down 1"),
            ("unet.down_blocks.2.attentions.0.transformer_blocks.0.attn2.to_q.weight", "U-Net down 2"),
            (
                "unet.down_blocks.2.attentions.1.transformer_blocks.0.attn2.to_k.weight",
                "U-Net down 2, text keys/values",
            ),
            ("unet.mid_block.attentions.0.transformer_blocks.3.attn2.to_v.weight", "U-Net mid, text keys/values"),
            ("unet.mid_block.resnets.1.conv1.weight", "U-Net mid"),
            ("unet.up_blocks.0.upsamplers.0.conv.weight", "U-Net up 0"),
            ("unet.conv_norm_out.weight", "U-Net out"),
            ("unet.conv_out.bias", "U-Net out"),
        ],
    )
    def test_layers_in_words(self, task, name, expected):
        assert layer(name, task.load()) == expected

    def test_layers_from_the_prompt_to_the_picture(self, task):
        model = task.load()
        names = from_entrance(dict(model.named_parameters()), model)
        assert sorted(names) == sorted(dict(model.named_parameters()))
        order = [
            name.removesuffix(TEXT_KEYS).rstrip(" 0123456789")
            for name in dict.fromkeys(layer(name, model) for name in names)
        ]
        assert list(dict.fromkeys(order)) == [
            "text encoder words", "text encoder layer", "text encoder end", "U-Net in", "U-Net time", "U-Net down", "U-Net mid",
            "U-Net up", "U-Net out",
        ]  # fmt: skip

    def test_keys_and_values_that_moved_are_told_apart(self, task, tmp_path):
        after = task.load()
        with torch.no_grad():
            after.get_parameter("unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight").mul_(2)
        by_layer, by_tensor = looks.found("weight_change", drawn.look(task, tmp_path, after))
        moved = [name for name, value in zip(by_layer.labels, by_layer.series[0].values, strict=True) if value]
        assert moved == ["U-Net mid, text keys/values"] and "where the prompt enters" in by_layer.how
        assert "1 of the 1 shown are keys or values of cross-attention" in by_tensor.says

    def test_gradients_are_those_of_the_training_loss(self, task, tmp_path):
        """One picture and its eight steps, the loss written out."""
        seen = drawn.look(task, tmp_path)
        (at,), pipe, model = seen.some("forget", 1), task.pipe, task.load()
        x0 = pipe.latents(seen.outputs("before")["images"][[at]]).expand(8, -1, -1, -1)
        t, noise = torch.linspace(0, 999, 8).long(), pipe.start(range(8))
        alpha, sigma = (
            part.view(-1, 1, 1, 1)[t]
            for part in (pipe.scheduler.alphas_cumprod.sqrt(), (1 - pipe.scheduler.alphas_cumprod).sqrt())
        )
        text = pipe.words(model, [task.asking.suite[at].prompt] * 8)
        said = pipe.predict(model, alpha * x0 + sigma * noise, t, text)
        F.mse_loss(said, alpha * noise - sigma * x0, reduction="sum").backward()
        for name, gradient in gradients(seen, 1).items():
            wanted = model.get_parameter(name).grad
            assert torch.allclose(
                -gradient, torch.zeros_like(gradient) if wanted is None else wanted, rtol=1e-3, atol=1e-4
            ), name

    def test_a_step_along_the_gradient_moves_the_salient_weights(self, task, tmp_path):
        pulled, after = gradients(drawn.look(task, tmp_path), 4000), task.load()
        with torch.no_grad():
            for name, tensor in after.named_parameters():
                tensor += pulled[name]
        panel = looks.found("weight_saliency", drawn.look(task, tmp_path, after))[0]
        assert panel.overlap == pytest.approx([100] * 100, abs=1)


class TestDose:
    def test_the_ends_are_the_models_before_and_after(self, task, tmp_path):
        seen = drawn.look(task, tmp_path, looks.shaken(task, 1.0))
        curves, shown = looks.found("dose", seen, steps=4, pictures=6)
        for when, dose in (("before", 0.0), ("after", 1.0)):
            evidence = Evidence(when, task, seen.outputs(when), lambda metric, when: math.nan)
            at = curves.x.index(dose)
            for name, said in (
                ("unlearning_accuracy", "UA"),
                ("in_domain_retain_accuracy", "IRA"),
                ("cross_domain_retain_accuracy", "CRA"),
            ):
                (series,) = (one for one in curves.series if said in one.name)
                assert series.values[at] == pytest.approx(registry.get("metrics", name).function(evidence).value)
        assert shown.columns == ["dose 0", "dose 0.5", "dose 1", "dose 1.5"]

    def test_what_is_drawn_at_a_dose_is_what_the_mixed_model_draws(self, task, tmp_path):
        after = looks.shaken(task, 1.0)
        shown = looks.found("dose", drawn.look(task, tmp_path, after), steps=4, pictures=6)[1]
        mixed = task.load()
        with torch.no_grad():
            for name, tensor in mixed.named_parameters():
                tensor.lerp_(after.get_parameter(name), 0.5)
        shot = next(shot for shot in task.asking.suite if shot.prompt == shown.rows[0][0].caption)
        (expected,) = task.draw(mixed, [shot.prompt], [shot.seed])
        with Image.open(tmp_path / shown.rows[0][1].path) as image:
            small = np.asarray(image.resize((16, 16), Image.Resampling.NEAREST)).astype(int)
        assert np.abs(small - expected).max() <= 1

    def test_the_same_model_has_no_dose(self, task, tmp_path):
        curves, shown = looks.found("dose", drawn.look(task, tmp_path), steps=4, pictures=6)
        assert all(len(set(series.values)) == 1 for series in curves.series)
        for row in shown.rows:
            assert len({(tmp_path / picture.path).read_bytes() for picture in row}) == 1

    def test_without_a_judge_the_pictures_alone(self, folder, tmp_path):
        said, shown = looks.found("dose", drawn.look(drawn.task(folder, judged=False), tmp_path), steps=4, pictures=6)
        assert said.sign == "unknown" and shown.rows


def test_a_smaller_suite_has_every_role(task):
    index = spread(task, 4)
    small = reduced(task, index)
    assert len(index) == 4 and {role: len(rows) for role, rows in small.parts.items() if len(rows)}.keys() >= {
        "forget",
        "neighbour",
    }
    assert [small.asking.suite[i].role for i in small.parts["forget"]] == ["forget"] * len(small.parts["forget"])
    assert len(task.asking.suite) == 6 and len(spread(task, 100)) == 6
    assert small.judge is task.judge


def test_heat_is_yellow_where_it_is_most_and_dark_where_it_is_not():
    picture = np.full((4, 4, 3), 128, np.uint8)
    shown = np.asarray(heat(np.array([[0.0, 1.0], [0.0, 1.0]]), 1.0, picture, side=4)).astype(int)
    assert shown[0, 3, 0] > 200 and shown[0, 3, 2] < 120
    assert shown[0, 0, 0] < 60 and shown[0, 0, 2] > shown[0, 0, 0]
    cold = np.asarray(heat(np.zeros((2, 2)), 0.0, picture, side=4))
    assert (cold == cold[0, 0]).all() and list(cold[0, 0]) == list(shown[0, 0])


def test_pictures_stand_beside_each_other_in_their_order():
    black, white = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 200, np.uint8)
    shown = np.asarray(beside(black, white, side=20))
    assert shown.shape[0] == 20 and shown[0, 0, 0] == 0 and shown[0, -1, 0] == 200


def test_searched_prompts_are_shown_from_the_hardest_to_the_easiest(task, tmp_path):
    prompts = list(dict.fromkeys(shot.prompt for shot in task.asking.suite if shot.role == "forget"))
    chosen = np.arange(len(prompts)) == 1
    moved = np.array([[0.4 - 0.2 * at for at in range(len(prompts))]], np.float32)
    kept = Searched(prompts, np.repeat(chosen[None], 2, 0).astype(np.float32), moved, chosen)
    (tmp_path / "made").mkdir()
    np.savez(tmp_path / "made" / f"{MADE}.npz", **kept.arrays)
    shown, bars, weights = found("worst_prompts", drawn.look(task, tmp_path, looks.shaken(task)), pictures=1)
    assert bars.labels == weights.rows == prompts[::-1] and bars.marked == weights.marked == [
        prompts[::-1].index(prompts[1])
    ]
    assert shown.says == f"Erased in the end: {prompts[1]}." and len(shown.rows) == len(prompts)
    looks.sound([shown, bars, weights], tmp_path)
