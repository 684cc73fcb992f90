"""`python -m backends.zoo`: one command per file."""

import numpy as np
import torch
import toy
from typer.testing import CliRunner

from backends.core import registry
from backends.core.run import Run
from backends.zoo import _train
from backends.zoo.__main__ import build, commands


def test_every_file_is_a_command_with_help():
    said = CliRunner().invoke(build(), ["--help"], env={"COLUMNS": "200"})
    assert said.exit_code == 0
    for name in commands():
        assert name.replace("_", "-") in said.stdout


def test_the_commands_that_make_what_is_shipped():
    assert {"fashion_data", "fashion_resnet", "fashion_vit", "references"} <= set(commands())


def test_an_unknown_command_is_refused():
    said = CliRunner().invoke(build(), ["fashion-lstm"])
    assert said.exit_code == 2 and "fashion-lstm" in said.output


def test_the_zoo_trains_exactly_as_the_method_retrain(toy_folder):
    ours = _train.trained(toy.task(toy_folder), toy.task(toy_folder).parts["keep"], seed=1).state_dict()
    run = Run(toy.task(toy_folder), toy.Memory(), seed=1)
    method = registry.get("methods", "retrain")
    method.function(run, method.parse({}))
    theirs = run.model.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_what_a_card_says_is_measured(toy_task):
    model = toy_task.load()
    said = _train.measure(toy_task, model)
    parts = [toy.accuracy(toy_task, model, name) * len(toy_task.parts[name]) for name in ("test", "test_forget")]
    assert abs(said["accuracy"]["test"] - sum(parts) / toy.TEST) < 1e-6
    assert abs(said["accuracy"]["train"] - toy.accuracy(toy_task, model, "train")) < 1e-3
    assert np.allclose(np.sum(said["confusion"], 1), 1, atol=1e-3)
    assert np.allclose(np.diag(said["confusion"]) * 100, said["class_accuracy"], atol=1e-2)
    assert abs(np.mean(said["class_accuracy"]) - said["accuracy"]["test"]) < 1e-6  # the classes are equally large
