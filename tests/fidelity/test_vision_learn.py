"""What trains a model in another way, held to its formula on the toy."""

import numpy as np
import torch
import toy
from torch.nn import functional as F
from vision import agrees

from backends.core.run import Run
from backends.methods.tampered_training import TamperedTraining, tampered_training


@agrees("methods", "tampered_training")
def test_the_first_step_is_down_the_loss_on_every_image_as_it_was_manipulated(toy_folder):
    """BadNets: the loss is the cross-entropy on clean images and on those with the mark and the target's label, all alike."""
    task = toy.task(toy_folder, ("random:20%",))
    params = TamperedTraining(classes="one", epochs=1, learning_rate=0.1)
    how = params.learned(task, 0)
    task.left_by(how.how)
    task.resolve(how.forget)
    ids = task.parts["forget"]
    by_hand = toy.data()
    images, labels = by_hand.train.images.copy(), by_hand.train.labels.copy()
    for item in ids:
        for row in range(3):
            for column in range(3):
                images[item, 9 + row, 9 + column, 0] = 255 if (row + column) % 2 == 0 else 0
        labels[item] = 1
    np.testing.assert_array_equal(task.data.train.images, images)
    np.testing.assert_array_equal(task.data.train.labels, labels)

    task.recipe = {**task.recipe, "batch_size": len(labels), "weight_decay": 0.0, "schedule": "constant"}
    run = Run(task, toy.Memory(), seed=0)
    tampered_training(run, params)
    model = task.load().train()
    x = torch.from_numpy((images.astype(np.float32) / 255 - 0.5) / 0.25).permute(0, 3, 1, 2)
    F.cross_entropy(model(pixel_values=x).logits, torch.from_numpy(labels)).backward()
    for name, parameter in model.named_parameters():  # Nesterov's first step is (1 + momentum) times the gradient
        expected = parameter.detach() - 0.1 * 1.9 * parameter.grad
        torch.testing.assert_close(run.model.get_parameter(name).detach(), expected, rtol=1e-3, atol=1e-5)
