"""Distillation from a frozen teacher: its logits, computed once, and the divergence from them."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.run import Run
from ..core.task import ClassifierTask

BATCH = 512  # items in one pass without gradients


def distillation(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """T^2 * KL(teacher || student) of logits [n, classes] softened by T, averaged over the n items."""
    soft = F.log_softmax(student / temperature, dim=1)
    target = F.log_softmax(teacher / temperature, dim=1)
    return F.kl_div(soft, target, reduction="batchmean", log_target=True) * temperature**2


@torch.no_grad()
def teacher_logits(run: Run[ClassifierTask], model: nn.Module, parts: tuple[str, ...]) -> Tensor:
    """Logits of a frozen model [training items, classes], by position in the data; rows outside `parts` are zero.

    They are taken without augmentation: a student that is compared with them must see the plain pictures too.
    """
    model.eval()
    table = torch.zeros(run.size("train"), len(run.task.names), device=run.device)
    for part in parts:
        for batch in run.batches(part, BATCH):
            table[batch.index] = run.forward(model, batch.x)
    return table
