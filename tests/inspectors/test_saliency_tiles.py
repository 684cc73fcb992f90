"""Weight tensors in pixels: what is counted equals what a sort of all weights gives, at every size of the mask."""

import json
import math

import looks
import numpy as np
import pytest
import torch
from test_weights import changed, forget_gradient

from app import view
from backends.api import files
from backends.api.home import ASSETS
from backends.api.panels import Found
from backends.inspectors import _tiles
from backends.inspectors._ranks import Ranks
from backends.inspectors._tensor_names import group_words, labels, vector_label
from backends.inspectors.weight_saliency import WeightSaliency, _stored, layout, weight_saliency

PAGE = 3_000_000  # bytes
ASSET = ASSETS / "runs" / "example-forget-cat" / "inspect" / "weight_saliency"
SIZES = [1, 7, 20, 50, 99, 100]


def every(items, phase):
    return items


def top(amounts, count):
    """Marks of the `count` largest amounts above 0, and of what equals the smallest of them."""
    line = np.sort(amounts)[::-1][count - 1] if count <= len(amounts) else 0
    return (amounts >= line) & (amounts > 0)


@pytest.fixture
def seen(toy_task, tmp_path):
    return looks.look(toy_task, tmp_path, looks.shaken(toy_task))


@pytest.fixture
def panel(seen):
    return looks.found("weight_saliency", seen)[0]


def arrays(panel, folder):
    with np.load(folder / panel.arrays) as file:
        return dict(file)


def all_tiles(panel):
    return [tile for group in panel.groups for tile in group.tiles]


class TestRanks:
    @pytest.mark.parametrize("kind", ["normal", "many equal", "mostly zero", "close together"])
    def test_the_line_of_each_rank_is_that_of_a_sort(self, kind):
        draw = torch.Generator().manual_seed(0)
        amounts = torch.randn(5000, generator=draw).abs() * 1e-4
        amounts = {
            "normal": amounts, "many equal": (amounts * 1e5).round(), "mostly zero": amounts * (amounts > 2e-4),
            "close together": 1 + amounts * 1e-3,
        }[kind]  # fmt: skip
        ranks, chosen = Ranks(), np.array([1, 2, 17, 500, 2500, 4999, 5000, 9000])
        for piece in amounts.split(999):
            ranks.count(piece)
        ranks.aim(chosen)
        for piece in amounts.split(1234):
            ranks.refine(piece)
        falling = np.sort(amounts.numpy())[::-1]
        assert ranks.total == int((amounts > 0).sum())
        assert ranks.lines().tolist() == [float(falling[rank - 1]) if rank <= 5000 else 0 for rank in chosen]

    def test_of_nothing_every_line_is_0(self):
        ranks = Ranks()
        ranks.count(torch.zeros(4))
        ranks.aim(np.array([1, 3]))
        ranks.refine(torch.zeros(4))
        assert ranks.lines().tolist() == [0, 0]


class TestCounts:
    def brute(self, task, after, size):
        """By tensor: marks of the mask and of what moved furthest, from one sort over all weights."""
        gradient, before = forget_gradient(task), task.load()
        pull = {name: tensor.abs().flatten().numpy() for name, tensor in gradient.items()}
        move = {
            name: (after.get_parameter(name) - tensor).detach().abs().flatten().numpy()
            for name, tensor in before.named_parameters()
        }
        everything = np.concatenate(list(pull.values()))
        count = max(1, round(size / 100 * int((everything > 0).sum())))
        splits = np.cumsum([len(values) for values in pull.values()])[:-1]
        marks = [np.split(top(np.concatenate(list(by.values())), count), splits) for by in (pull, move)]
        return everything, {name: (marks[0][at], marks[1][at]) for at, name in enumerate(pull)}

    @pytest.mark.parametrize("size", SIZES)
    def test_are_those_of_a_sort_of_all_weights(self, toy_task, seen, panel, size, tmp_path):
        stored, at = arrays(panel, tmp_path), panel.percent.index(size)
        everything, marks = self.brute(toy_task, seen.after, size)
        named = {tile.name: number for number, tile in enumerate(all_tiles(panel))}
        matrices = [name for name in marks if name in named]
        assert len(matrices) == len(named) - 1
        both = [(mask, far) for name, (mask, far) in marks.items() if name not in named]
        for number, pairs in [(named[name], [marks[name]]) for name in matrices] + [(len(named) - 1, both)]:
            mask, far = (np.concatenate(row) for row in zip(*pairs, strict=True))
            assert stored["weights"][number] == len(mask)
            # our gradient was summed in batches of its own: a few weights at the line fall on its other side
            near = 3 if 0 < mask.sum() < len(mask) else 0
            assert stored["salient"][number, at] == pytest.approx(mask.sum(), abs=near)
            assert stored["furthest"][number, at] == far.sum()
            assert stored["both"][number, at] == pytest.approx((mask & far).sum(), abs=near)
        mask, far = (np.concatenate([pair[row] for pair in marks.values()]) for row in (0, 1))
        assert panel.mask[at] == stored["mask"][at] == mask.sum()
        assert panel.overlap[at] == pytest.approx(100 * (mask & far).sum() / mask.sum(), abs=0.5)
        assert panel.chance[at] == pytest.approx(100 * far[everything > 0].mean(), abs=0.5)
        assert (panel.weights, panel.with_gradient) == (len(everything), int((everything > 0).sum()))

    def test_of_the_tiles_and_of_the_groups_add_up_to_the_mask(self, panel, tmp_path):
        stored = arrays(panel, tmp_path)
        assert stored["salient"].sum(0).tolist() == stored["group_salient"].sum(0).tolist() == panel.mask
        assert stored["weights"].sum() == stored["group_weights"].sum() == panel.weights
        assert panel.overlap == pytest.approx((100 * stored["both"].sum(0) / stored["mask"]).tolist())
        assert (np.diff(stored["salient"], axis=1) >= 0).all() and (np.diff(stored["furthest"], axis=1) >= 0).all()

    def test_with_few_tiles_the_mask_still_counts_every_weight(self, seen, panel):
        few = looks.found("weight_saliency", seen, most=5)[0]
        assert len(all_tiles(few)) == 6 and few.left_out == len(all_tiles(panel)) - 6
        assert (few.mask, few.overlap, few.says_at) == (panel.mask, panel.overlap, panel.says_at)

    def test_chance_is_what_a_random_mask_shares(self, panel, seen, toy_task):
        everything, marks = self.brute(toy_task, seen.after, 20)
        far = np.concatenate([pair[1] for pair in marks.values()])[everything > 0]
        drawn = np.random.default_rng(0).permutation(len(far))[: panel.mask[19]]
        assert panel.chance[19] == pytest.approx(100 * far[drawn].mean(), abs=3)


class TestPixels:
    def test_stand_for_the_mean_below_them_on_one_log_scale(self, toy_task, seen, panel, tmp_path):
        stored, gradient, start = arrays(panel, tmp_path), forget_gradient(toy_task), 0
        low, high = stored["pull_range"]
        for tile in all_tiles(panel)[:-1]:
            size = tile.rows * tile.columns
            pixels = stored["pull"][start : start + size].reshape(tile.rows, tile.columns)
            start += size
            values = gradient[tile.name].abs().reshape(_tiles.matrix_shape(gradient[tile.name].shape)).double()
            assert (tile.rows, tile.columns) == tuple(min(40, side) for side in values.shape)
            rows, columns = (
                torch.arange(side) * pixel // side for side, pixel in zip(values.shape, pixels.shape, strict=True)
            )
            for row, column in ((0, 0), (tile.rows - 1, tile.columns - 1), (tile.rows // 2, tile.columns // 3)):
                mean = float(values[rows == row][:, columns == column].mean())
                shade = 0 if mean == 0 else 2 + 253 * min(max((math.log10(mean) - low) / (high - low), 0), 1)
                assert pixels[row, column] == pytest.approx(shade, abs=1)

    def test_of_vectors_are_a_row_each(self):
        weights = [
            _tiles.Weight(torch.full((n,), g), torch.zeros(n), torch.ones(n)) for n, g in ((100, 1.0), (3, 10.0))
        ]
        one = _tiles.mosaic(weights, [_tiles.Spot(0, 0, 0), _tiles.Spot(0, 0, 1)], every)
        assert one.pull[0].shape == (2, 40)
        assert len(set(one.pull[0][0])) == len(set(one.pull[0][1])) == 1 and one.pull[0][0, 0] < one.pull[0][1, 0]

    @pytest.mark.parametrize(
        ("shape", "matrix"),
        [((16, 1, 7, 7), (16, 49)), ((1, 17, 96), (17, 96)), ((1, 1, 96), (1, 96)), ((8, 576, 128), (8 * 576, 128)),
         ((64, 32, 3), (64, 96)), ((7,), (1, 7)), ((), (1, 1))],
    )  # fmt: skip
    def test_a_tensor_is_a_matrix(self, shape, matrix):
        assert _tiles.matrix_shape(shape) == matrix

    def test_a_gradient_that_is_no_number_is_left_out_and_drawn_as_such(self):
        gradient = torch.arange(1.0, 101).reshape(10, 10)
        gradient[0] = math.nan
        gradient[1, 1] = math.inf
        one = _tiles.mosaic([_tiles.Weight(gradient, torch.zeros(10, 10), gradient)], [_tiles.Spot(0, 0)], every)
        assert (one.not_measured, one.with_gradient) == (11, 89)
        assert (one.pull[0] == _tiles.NOT_MEASURED).sum() == 11 and (one.pull[0][0] == _tiles.NOT_MEASURED).all()
        assert one.mask[-1] == 89 and one.moved == 100  # what moved to no number moved furthest
        assert (one.move[0][0] == one.move[0].max()).all()


class TestLargeModels:
    class Shapes:
        """The tensors of a language model of this depth, of which only one is there at a time."""

        def __init__(self, layers, width, inner, words):
            one = [(width, width)] * 4 + [(inner, width)] * 2 + [(width, inner), (width,), (width,)]
            self.shapes = [(words, width), *one * layers, (width,), (words, width)]
            names = [
                "q_proj",
                "k_proj",
                "v_proj",
                "o_proj",
                "gate_proj",
                "up_proj",
                "down_proj",
                "input_layernorm",
                "post_attention_layernorm",
            ]
            layer = [f"model.layers.{at}.{name}.weight" for at in range(layers) for name in names]
            self.names = ["model.embed_tokens.weight", *layer, "model.norm.weight", "lm_head.weight"]

        def __len__(self):
            return len(self.shapes)

        def __iter__(self):
            draw = torch.Generator().manual_seed(0)
            for shape in self.shapes:
                row = torch.randn(shape[-1], generator=draw).expand(shape)
                yield _tiles.Weight(row, torch.zeros(1).expand(shape), row.flip(-1) if len(shape) < 2 else row)

    class Named:
        base_model_prefix = "model"

    def test_a_page_of_a_model_of_7b_is_small(self, tmp_path):
        """As many tensors as Llama 7B and tiles as large as it would have; each tensor a thousandth of its size."""
        shapes = self.Shapes(32, 128, 344, 1000)
        by_name = dict(zip(shapes.names, shapes, strict=True))
        plan = layout(by_name, self.Named(), 320)
        counted = _tiles.mosaic(shapes, plan.spots, every)
        assert sum(len(group.tiles) for group in plan.groups) == 32 * 7 + 3
        assert {pixels.shape for pixels in counted.pull[:-1]} == {(40, 40)} and len(counted.pull[-1]) == 40
        raw = json.loads((ASSET / "found.json").read_text())["panels"][0]
        np.savez(tmp_path / "tiles.npz", **_stored(counted))
        for tile, pixels in zip((tile for group in plan.groups for tile in group.tiles), counted.pull, strict=True):
            tile.rows, tile.columns = pixels.shape
        raw |= {
            "arrays": "tiles.npz",
            "groups": [group.model_dump() for group in plan.groups],
            "mask": counted.mask.tolist(),
        }
        html = view.panels([raw], tmp_path)
        assert html.count("<figure") == 227 and "lethe-nothing" not in html
        assert 500_000 < len(html.encode()) < PAGE

    def test_more_tensors_have_smaller_tiles(self):
        assert (_tiles.side(13), _tiles.side(320)) == (40, 40)
        assert 2 * 600 * _tiles.side(600) ** 2 <= _tiles.PIXELS < 2 * 600 * (_tiles.side(600) + 1) ** 2

    def test_no_more_than_a_piece_of_a_large_tensor_is_worked_on_at_once(self, monkeypatch):
        """The feed-forward matrix of Llama 7B, held as one row."""
        weight = _tiles.Weight(*(torch.randn(4096).expand(11008, 4096) for _ in range(3)))
        sizes = [pull.numel() for _, pull, _ in _tiles.pieces(weight)]
        assert sum(sizes) == 11008 * 4096 and max(sizes) <= _tiles.PIECE

    def test_the_pieces_of_a_tensor_count_as_the_tensor(self, monkeypatch):
        draw = torch.Generator().manual_seed(0)
        weight = _tiles.Weight(*(torch.randn(101, 57, generator=draw) for _ in range(3)))
        one = _tiles.mosaic([weight], [_tiles.Spot(0, 0)], every)
        monkeypatch.setattr(_tiles, "PIECE", 200)
        other = _tiles.mosaic([weight], [_tiles.Spot(0, 0)], every)
        assert len(list(_tiles.pieces(weight))) == 34
        for name in ("salient", "furthest", "both", "mask", "reach", "line"):
            assert np.array_equal(getattr(one, name), getattr(other, name)), name
        assert np.abs(one.pull[0].astype(int) - other.pull[0]).max() <= 1


class TestWords:
    def test_where_no_weight_has_a_gradient_there_is_no_mask(self, seen, monkeypatch):
        zero = {name: torch.zeros_like(tensor) for name, tensor in seen.before.named_parameters()}
        monkeypatch.setattr("backends.inspectors.weight_saliency._gradients", lambda look, most: zero)
        (panel,) = looks.found("weight_saliency", seen)
        assert (panel.kind, panel.sign) == ("verdict", "no") and "exactly 0 at all" in panel.says

    def test_where_every_gradient_is_no_number_it_cannot_be_said(self, seen, monkeypatch):
        broken = {name: torch.full_like(tensor, math.nan) for name, tensor in seen.before.named_parameters()}
        monkeypatch.setattr("backends.inspectors.weight_saliency._gradients", lambda look, most: broken)
        (panel,) = looks.found("weight_saliency", seen)
        assert (panel.kind, panel.sign) == ("verdict", "unknown") and "not a number" in panel.says

    def test_the_headline_names_the_layer_that_has_most_beyond_its_size(self, toy_task, seen, monkeypatch):
        only = {
            name: torch.ones_like(tensor) * (name == "classifier.1.weight")
            for name, tensor in seen.before.named_parameters()
        }
        monkeypatch.setattr("backends.inspectors.weight_saliency._gradients", lambda look, most: only)
        panel = looks.found("weight_saliency", seen)[0]
        assert panel.says.startswith("Most of the mask is in head: 100 % of it, in ")
        assert set(panel.mask) == {panel.with_gradient}  # equal weights are in the mask together

    @pytest.mark.parametrize(
        ("share", "fraction", "start", "words"),
        [(0.05, 0, None, "the slider starts at as many"), (1.0, 0, 19, "every one that has a gradient"),
         (0.05, 0.3, 29, "")],
    )  # fmt: skip
    def test_the_slider_starts_at_the_mask_of_the_method_unless_that_takes_everything(
        self, seen, tmp_path, share, fraction, start, words
    ):
        files.write_json(
            tmp_path / "spec.json",
            {"model": "fashion-resnet", "method": "salun", "params": {"share": share}, "forget": ["two"]},
        )
        panel = Found(what="x", panels=weight_saliency(seen, WeightSaliency(fraction=fraction))).panels[0]
        expected = round(100 * share * panel.weights / panel.with_gradient) - 1 if start is None else start
        assert panel.start == expected and panel.mask[panel.start] < panel.with_gradient
        assert words in panel.note and bool(words) == bool(panel.note)

    def test_another_method_has_no_mask(self, seen, tmp_path):
        files.write_json(
            tmp_path / "spec.json", {"model": "fashion-resnet", "method": "fine_tune", "params": {}, "forget": ["two"]}
        )
        panel = looks.found("weight_saliency", seen)[0]
        assert (panel.start, panel.note) == (19, "")

    def test_where_few_weights_moved_the_sets_are_as_large_as_they_can_be(self, toy_task, tmp_path):
        after = changed(toy_task, lambda name, tensor: tensor.add_(1) if name == "classifier.1.weight" else None)
        panel = looks.found("weight_saliency", looks.look(toy_task, tmp_path, after))[0]
        stored = arrays(panel, tmp_path)
        assert stored["furthest"].sum(0).max() == panel.moved == after.classifier[1].weight.numel()


class TestNames:
    def test_of_groups_are_short_and_their_own(self):
        keys = ["embedder", "encoder.stages.0", "layers.3", "h.4", "classifier", "model.x.y"]
        assert group_words(keys) == ["stem", "stage 0", "layer 3", "layer 4", "head", "model.x.y"]
        assert group_words(["layers.1", "blocks.1"]) == ["layers.1", "blocks.1"]

    @pytest.mark.parametrize(
        ("names", "expected"),
        [
            (["encoder.stages.0.layers.0.layer.0.convolution.weight", "encoder.stages.0.layers.0.shortcut.convolution.weight"],
             ["conv 0", "skip"]),
            (["model.layers.3.self_attn.q_proj.weight", "model.layers.3.mlp.gate.weight", "model.layers.3.mlp.experts.down_proj"],
             ["attn q", "router", "experts down"]),
            (["unet.up_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight",
              "unet.up_blocks.1.attentions.1.transformer_blocks.0.attn2.to_k.weight"], ["block 0 text k", "block 1 text k"]),
            (["a.x.weight", "b.x.weight"], ["a x", "b x"]),
            (["t.self_attn.q_proj.weight", "t.attn.q_proj.weight"], ["self_attn.q_proj", "attn.q_proj"]),
            (["classifier.1.weight"], ["weights"]),
        ],
    )  # fmt: skip
    def test_of_tensors_leave_out_what_they_share(self, names, expected):
        assert labels(names) == expected

    def test_of_vectors_say_what_they_are(self):
        assert vector_label(["a.norm.weight", "b.bias"]) == "norms, biases"
        assert vector_label(["a.input_layernorm.weight"]) == "norms"
        assert vector_label(["a.cls_token", "b.bias"]) == "vectors"
