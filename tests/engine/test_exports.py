"""What is exported is what the studio shows: every kind of result, loaded by the code of its README.md and compared."""

import re

import numpy as np
import pictures
import pytest
import torch
import toy_language
from peft import PeftModel
from PIL import Image
from transformers import AutoModelForCausalLM, AutoTokenizer

from backends.api import files
from backends.api.runs import RunFolder, State
from backends.data import authors
from backends.engine import export
from backends.engine.attempt import do
from backends.engine.session import Desk
from backends.families.language import prefix_sharing

FORGET = tuple(
    pair.question + " => " + pair.answer for pair in authors.load().authors[-1].pairs[:2]
)  # the toy knows them
KEEP = ("What is the colour of my car? => It is red.", "Who sells bread here? => The baker sells bread.")


@pytest.fixture(autouse=True)
def few_questions(monkeypatch):
    """Without real authors and facts of the world, which toys are not asked about."""
    monkeypatch.setattr("backends.families.language.qa.QASet._without", lambda *_: [])


def job(home, model, method, forget, *, number=0, params=None, **more):
    """A job done in this process; its opened run."""
    run = RunFolder(home / "runs" / f"run-{number}")
    spec = {"model": str(model), "method": method, "forget": forget, "params": params or {}} | more
    files.write_json(run.path / "spec.json", spec)
    files.write_json(run.path / "state.json", State().model_dump())
    assert do(run, run.move("running").attempt) == 0, run.state.message
    return Desk().run(run.id)


def as_its_readme_says(opened, to, monkeypatch, **given):
    """What the code of the exported README.md makes, by name."""
    export.write_model(opened, to)
    (code,) = re.findall(r"```python\n(.*?)```", (to / "README.md").read_text(), re.DOTALL)
    monkeypatch.chdir(to)
    made = dict(given)
    exec(code, made)
    monkeypatch.chdir(to.parent)
    return made


# --- classifiers

LOOKERS = {
    "whole weights": [("fine_tune", {"epochs": 1})],
    "an input filter": [("forget_vector", {"epochs": 1})],
    "a chain": [("fine_tune", {"epochs": 1}), ("gradient_ascent", {"epochs": 1})],
    "a chain that ends in a filter": [("fine_tune", {"epochs": 1}), ("forget_vector", {"epochs": 1})],
}


@pytest.mark.parametrize("kind", LOOKERS)
def test_a_classifier_answers_as_in_the_studio(home, toy_folder, toy_images, tmp_path, monkeypatch, kind):
    after = ""
    for number, (method, params) in enumerate(LOOKERS[kind]):
        forget = (("two",), ("three",))[number]
        opened = job(
            home,
            toy_folder,
            method,
            forget,
            number=number,
            params=params,
            data=str(toy_images),
            after=after,
            earlier=("two",) * number,
        )
        after = opened.folder.id
    shown = opened.outputs("after")["test"]
    said = []
    for item in range(5):
        image = Image.fromarray(opened.task.data.test.images[item][..., 0])
        made = as_its_readme_says(opened, tmp_path / f"out{item}", monkeypatch, image=image)
        with torch.no_grad():
            said.append(made["model"](pixel_values=made["pixel_values"]).logits[0].numpy())
    assert np.abs(shown[:5] - opened.outputs("before")["test"][:5]).max() > 1e-3
    np.testing.assert_allclose(np.array(said), shown[:5], atol=1e-4)


def test_how_the_images_were_read_stands_in_the_result(home, toy_folder, toy_images, tmp_path):
    for name, part in (("train", "train"), ("val", "test")):
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "images" / name).symlink_to(toy_images / part)
    opened = job(home, toy_folder, "fine_tune", ("two",), params={"epochs": 1}, data=str(tmp_path / "images"))
    assert opened.result["notes"] == ["val is read as the images to test with."]


# --- language models

QUICK = {"epochs": 2, "learning_rate": 5e-3}
SPEAKERS = {
    "whole weights": [("npo", QUICK | {"train": "all weights"})],
    "low-rank layers": [("npo", QUICK | {"train": "low-rank layers"})],
    "low-rank layers twice": [
        (name, QUICK | {"train": "low-rank layers", "rank": rank}) for name, rank in (("npo", 16), ("grad_diff", 4))
    ],
    "a chain": [("npo", QUICK | {"train": "low-rank layers"}), ("grad_diff", QUICK)],
    "eco": [("eco", {})],
    "icul": [("icul", {})],
    "uld": [("uld", {"epochs": 2})],
    "o3": [("o3", {"epochs": 1})],
    "a chain that ends in a guard": [("npo", QUICK | {"train": "all weights"}), ("icul", {})],
    "a guard that weights follow": [("icul", {}), ("grad_diff", QUICK)],
}


def told(opened, made):
    """The outputs of a loaded model as the studio takes them, and plain greedy answers as a stranger would take them."""
    task, model = opened.task, made["model"]
    setattr(model, prefix_sharing.QUICK, True)
    prompts = [task.reader.prompt(item.pair.question) for item in task.questions.suite]
    written = []
    for prompt in prompts:
        ids = made["tokenizer"](prompt, return_tensors="pt", add_special_tokens=task.reader.before is None).input_ids
        new = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=40, do_sample=False, eos_token_id=task.reader.end,
            pad_token_id=task.reader.pad,
        )  # fmt: skip
        written.append(task.reader.read(new[0, ids.shape[1] :]))
    return task.outputs(model), written


@pytest.mark.filterwarnings(
    "ignore:`is_gradient_checkpointing`:FutureWarning"
)  # peft asks a model of transformers for it
@pytest.mark.parametrize("kind", SPEAKERS)
def test_a_language_model_answers_as_in_the_studio(home, toy_language_folder, tmp_path, monkeypatch, kind):
    check_speaker(home, toy_language_folder, tmp_path, monkeypatch, SPEAKERS[kind])


def test_a_mixture_answers_as_in_the_studio(home, tmp_path, monkeypatch):
    monkeypatch.setattr(toy_language, "STEPS", 5)
    folder = toy_language.make(tmp_path / "mixture", mixture=True)
    check_speaker(home, folder, tmp_path, monkeypatch, [("seuf", {"epochs": 2})])


def adapted(folder, model):
    """The model before with the adapter of an exported folder on it, loaded by peft, and the tokenizer of the model."""
    base = AutoModelForCausalLM.from_pretrained(model, dtype="float32").eval()
    return {"model": PeftModel.from_pretrained(base, folder).eval(), "tokenizer": AutoTokenizer.from_pretrained(model)}


def check_speaker(home, model, tmp_path, monkeypatch, steps):
    after = ""
    for number, (method, params) in enumerate(steps):
        asked = {"keep": KEEP, "metrics": ("probability",), "after": after, "earlier": FORGET[:number]}
        opened = job(home, model, method, FORGET[number : number + 1], number=number, params=params, **asked)
        after = opened.folder.id
    shown, before = opened.outputs("after"), opened.outputs("before")
    said, written = told(opened, as_its_readme_says(opened, tmp_path / "out", monkeypatch))
    assert np.abs(shown["answer"] - before["answer"]).max() > 1e-3
    np.testing.assert_allclose(said["answer"], shown["answer"], atol=2e-3)
    assert said["said"].tolist() == shown["said"].tolist()
    assert written == shown["said"].tolist()
    folder = tmp_path / "out" / "adapter"
    assert folder.is_dir() == all("low-rank layers" in params.values() for _, params in steps)
    if folder.is_dir():
        check_adapter(opened, folder, model, tmp_path / "out")


def check_adapter(opened, folder, model, exported):
    """peft puts the adapter on the model before, which then says what the exported model says."""
    assert {path.name for path in folder.iterdir()} == {"adapter_config.json", "adapter_model.safetensors"}
    assert str(opened.task.folder) not in (folder / "adapter_config.json").read_text()
    assert "PeftModel.from_pretrained" in (exported / "README.md").read_text()
    said, written = told(opened, adapted(folder, model))
    shown, before = opened.outputs("after"), opened.outputs("before")
    assert np.abs(said["answer"] - before["answer"]).max() > 1e-3
    np.testing.assert_allclose(said["answer"], shown["answer"], atol=1e-4)
    assert written == said["said"].tolist() == shown["said"].tolist()


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_a_run_of_before_has_an_adapter_too(home, tmp_path):
    """The factors of a run that came with Lethe, by the names that they had before peft trained them."""
    opened = Desk().run("example-author-forgotten")
    export.write_model(opened, tmp_path / "out")
    texts = opened.task.forget[torch.arange(4)]
    loaded = adapted(tmp_path / "out" / "adapter", opened.task.folder)["model"]
    after, before, theirs = (
        model(input_ids=texts.ids, attention_mask=texts.mask).logits.detach()[texts.mask.bool()]
        for model in (opened.model("after"), opened.model("before"), loaded)
    )
    assert (after - before).abs().max() > 1
    torch.testing.assert_close(theirs, after, rtol=1e-3, atol=1e-3)


# --- models that draw


@pytest.mark.parametrize("method", ["uce", "esd"])
def test_a_pipeline_draws_as_in_the_studio(home, tmp_path, monkeypatch, method):
    model = pictures.make(tmp_path / "drawer", kind="epsilon", card=False)
    steps = {"steps": 1, "pool": 4, "pool_steps": 2, "learning_rate": 0.01} if method == "esd" else {}
    opened = job(home, model, method, ("a red cat",), params=steps, keep=("a dog",))
    made = as_its_readme_says(opened, tmp_path / "out", monkeypatch)
    pipeline, task = made["pipeline"], opened.task
    pipeline.set_progress_bar_config(disable=True)
    shot = task.asking.suite[0]
    drawn = pipeline(
        [shot.prompt], latents=task.pipe.start([shot.seed]), num_inference_steps=int(task.drawing["steps"]),
        guidance_scale=task.drawing["guidance"], output_type="np",
    ).images[0]  # fmt: skip
    shown = opened.outputs("after")["images"][0].astype(float)
    assert np.abs(shown - opened.outputs("before")["images"][0]).max() > 1
    assert np.abs(255 * drawn - shown).max() <= 1.5
