"""More or less of the change, and the filter at the input: known answers at the ends."""

import looks
import pytest
import torch
import toy
import whole
from safetensors.torch import save_file

from backends.api import files
from backends.api.runs import create
from backends.api.spec import JobSpec
from backends.core.run import set_dose
from backends.families.classifier.guards import INPUT_DELTA, attach_input_delta


def filtered(task, delta):
    return attach_input_delta(task.load(), delta)


def noise(seed=0, size=2.0):
    return size * torch.randn(1, toy.SIDE, toy.SIDE, generator=torch.Generator().manual_seed(seed))


def test_dose_0_is_before_and_dose_1_is_after(toy_task, tmp_path):
    after = looks.shaken(toy_task, 0.6)
    (panel,) = looks.found("dose", looks.look(toy_task, tmp_path, after))
    for name, part in {"forget": "forget", "keep": "retain", "new images": "test"}.items():
        values = dict(zip(panel.x, looks.series(panel)[name], strict=True))
        assert values[0.0] == pytest.approx(toy.accuracy(toy_task, toy_task.load(), part))
        assert values[1.0] == pytest.approx(toy.accuracy(toy_task, after, part))


def test_the_ends_are_exact_and_the_middle_is_the_mean(toy_task):
    before, after, model = toy_task.load(), looks.shaken(toy_task), toy_task.load()
    for amount, expected in ((0.0, before), (1.0, after)):
        set_dose(model, before, after, amount)
        for name, tensor in model.state_dict().items():
            assert torch.equal(tensor, expected.state_dict()[name])
    set_dose(model, before, after, 0.5)
    for name, tensor in model.named_parameters():
        mean = (before.get_parameter(name) + after.get_parameter(name)) / 2
        assert torch.allclose(tensor, mean, atol=1e-6)


def test_the_same_model_has_no_dose(toy_task, tmp_path):
    (panel,) = looks.found("dose", looks.look(toy_task, tmp_path))
    assert all(len(set(values)) == 1 for values in looks.series(panel).values())


def test_a_variance_never_falls_below_zero(toy_task):
    before, after, model = toy_task.load(), toy_task.load(), toy_task.load()
    with torch.no_grad():
        for name, buffer in after.named_buffers():
            if name.endswith("running_var"):
                buffer.mul_(0.1)
    set_dose(model, before, after, 1.5)
    variances = [buffer for name, buffer in model.named_buffers() if name.endswith("running_var")]
    assert variances and all((buffer >= 0).all() for buffer in variances)


def test_a_filter_is_scaled(toy_task):
    after, model = filtered(toy_task, noise()), filtered(toy_task, noise())
    set_dose(model, toy_task.load(), after, 0.5)
    assert torch.allclose(model.get_buffer(INPUT_DELTA), noise() / 2)


@pytest.fixture
def guarded(toy_folder):
    """A function that makes a finished run with a filter, and returns its folder."""

    def make(forget, delta):
        run = create(JobSpec(model=str(toy_folder), method="forget_vector", forget=(forget,)))
        (run.path / "after").mkdir()
        save_file({INPUT_DELTA: delta}, run.path / "after" / "changed.safetensors")
        files.write_json(run.path / "result.json", whole.result(run.id))
        return run.path

    return make


def test_without_the_filter_the_model_is_the_model_before(toy_task, guarded):
    path = guarded("two", noise())
    seen = looks.look(toy_task, path, filtered(toy_task, noise()))
    panel = looks.found("input_guard", seen)[1]
    assert looks.series(panel)["without"][0] == pytest.approx(toy.accuracy(toy_task, toy_task.load(), "forget"))
    assert looks.series(panel)["with the filter"][0] == pytest.approx(toy.accuracy(toy_task, seen.after, "forget"))


def test_the_picture_says_how_long_it_is(toy_task, guarded):
    delta = torch.zeros(1, toy.SIDE, toy.SIDE)
    delta[0, 0, :2] = torch.tensor([3.0, -4.0])
    panel = looks.found("input_guard", looks.look(toy_task, guarded("two", delta), filtered(toy_task, delta)))[0]
    assert "length is 5.00" in panel.says and "by 4.00" in panel.says
    assert panel.rows[0][0].caption == "from -4.00 to +3.00"


def test_other_filters_by_their_cosine(toy_task, guarded):
    guarded("one", 3 * noise())
    guarded("three", -noise())
    path = guarded("two", noise())
    panel = looks.found("input_guard", looks.look(toy_task, path, filtered(toy_task, noise())))[2]
    values = dict(zip(panel.rows, panel.z[0], strict=True))
    assert values == pytest.approx({"this run": 1, "one": 1, "three": -1})
    assert "forgets one (cosine 1.00)" in panel.says


def test_strangers_do_not_see_each_others_filters(toy_task, guarded, monkeypatch):
    guarded("one", noise(1))
    path = guarded("two", noise())
    seen = looks.look(toy_task, path, filtered(toy_task, noise()))
    assert len(looks.found("input_guard", seen)) == 3
    monkeypatch.setenv("LETHE_SHARED", "1")
    assert len(looks.found("input_guard", seen)) == 2


def test_a_run_without_a_filter_says_so(toy_task, tmp_path):
    (panel,) = looks.found("input_guard", looks.look(toy_task, tmp_path, looks.shaken(toy_task)))
    assert panel.sign == "no" and "no filter" in panel.says
