"""Label-agnostic forgetting (LAF): pushes the features of the forget set off a model of themselves, and reads no label."""

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Adam

from ..core.registry import Params, method
from ..core.run import Run
from ..core.task import Batch
from ..families.classifier import feature_vae
from ..families.classifier.feature_vae import FeatureVAE
from ..families.classifier.task import Classifier

BATCH = 512  # images in one pass without gradients
READS_NONE = "Labels used: 0. This method saw images alone; which of them are to be forgotten is all it was told."
READS_SOME = "Labels used: {count}, of images to keep, to repair the last layer; none of the forget set."


class Laf(Params):
    """Two autoencoders of features, two losses without labels, and a repair that takes some."""

    epochs: int = Field(default=4, ge=1, le=200, description="Passes over the forget set.")
    learning_rate: float = Field(default=1e-4, gt=0, le=0.1, description="Step size of the loss that forgets.")
    align_rate: float = Field(default=2e-4, gt=0, le=0.1, description="Step size of the loss that holds the rest.")
    temperature: float | None = Field(
        default=None,
        gt=0,
        le=1000,
        description="The higher, the less the second loss pushes the forget set away itself. Empty: 20 for classes, 5 for anything else.",
    )
    batch_size: int = Field(default=64, ge=8, le=1024, description="Images of each kind in one step.")
    latent: int = Field(default=8, ge=1, le=64, description="Numbers in the code of each autoencoder.")
    vae_steps: int = Field(default=1000, ge=10, le=20_000, description="Steps of fitting each autoencoder.")
    labels: int = Field(
        default=0,
        ge=0,
        le=100_000,
        description="Labelled images to keep that repair the last layer at the end; 0: no label is read.",
    )
    repair_steps: int = Field(default=100, ge=1, le=10_000, description="Steps of that repair.")
    repair_rate: float = Field(default=1e-3, gt=0, le=0.1, description="Step size of that repair.")


class Labels:
    """Hands out the labels of images, and counts of how many different ones; nothing else in this file reads a label."""

    def __init__(self) -> None:
        self._read: set[int] = set()

    def of(self, batch: Batch) -> Tensor:
        """Classes [n] of the images of a batch."""
        self._read |= set(batch.index.tolist())
        return batch.y

    def __len__(self) -> int:
        return len(self._read)


@method(
    id="laf",
    title="Label-agnostic forgetting (LAF)",
    short="LAF",
    summary="Makes what it sees in the forget set unlike itself, without reading a single label.",
    school="Nobody tells you what the pictures are called; you only stop seeing these few the way you used to.",
    student=(
        "Two variational autoencoders learn the features that go into the last layer: h those of all training images, h_f those of "
        "the forget set. Each step lowers r(retain, h) - r(forget, h_f), with r the summed exp(q / (q + 1)) of the squared "
        "reconstruction errors q; the fraction keeps the second term from running away. A second step, with an optimiser of its "
        "own, keeps the features of the retain set at the angle of the original's and turns those of the forget set away. The "
        "last layer is not touched, so what the new features are called is left to it. For a class this goes further than "
        "retraining would; `labels` repairs the last layer with a few labelled images to keep."
    ),
    source={
        "title": "Shen et al., Label-Agnostic Forgetting: A Supervision-Free Unlearning in Deep Models, ICLR 2024",
        "url": "https://arxiv.org/abs/2404.00506",
        "code": "https://github.com/ShaofeiShen768/LAF",
    },
    label="same algorithm, smaller model",
    kind="push",
    departures=(
        "Features are brought to 0 to 1, each by its lowest and highest value in what an autoencoder is fitted to, because "
        "the released decoder ends in a sigmoid that larger ones lie outside of. The autoencoders are fitted for a number of steps "
        "on rows drawn by lot. An epoch is a pass over the forget set, as in the released loop where it is the shorter one; the "
        "retain set is drawn by lot beside it. 4 epochs at twice the step sizes instead of the authors' 20 at 5e-5 and 1e-4, chosen on "
        "other classes (Dress, Coat, Ankle boot) than the tables show. Of a random share of the images they forget next to nothing: features "
        "of single images are not apart from those of their class."
    ),
    needs=("classes", "embeddings"),
    order=47,
)
def laf(run: Run[Classifier], params: Laf) -> None:
    """L_UE = r(e(x_r), h) - r(e(x_f), h_f), then L_RA, in turn; in the paper 20 epochs at 5e-5 and 1e-4 on Fashion-MNIST."""
    temperature = params.temperature or (20.0 if run.task.forgotten_classes else 5.0)
    run.model.eval()
    every, forgotten = (fitted(run, part, params).requires_grad_(False) for part in ("train", "forget"))
    unlearn, align = (Adam(run.model.parameters(), lr=rate) for rate in (params.learning_rate, params.align_rate))
    saved = {"unlearn": unlearn, "align": align}
    passes = ["forget"] * params.epochs
    for batch in run.epochs("push features away", passes, params.batch_size, saved, augment=False):
        x = torch.cat([batch.x, drawn(run, params.batch_size).x])
        parts = [len(batch), len(x) - len(batch)]
        forget, keep = run.task.features(run.model, x).split(parts)
        unlearning_loss = strangeness(keep, every) - strangeness(forget, forgotten)
        unlearn.zero_grad()
        unlearning_loss.backward()
        unlearn.step()
        with torch.no_grad():
            forget_before, keep_before = run.task.features(run.original, x).split(parts)
        forget, keep = run.task.features(run.model, x).split(parts)
        alignment_loss = contrast(keep, keep_before, forget, forget_before, temperature)
        align.zero_grad()
        alignment_loss.backward()
        align.step()
        run.log(unlearning_loss=unlearning_loss.detach(), alignment_loss=alignment_loss.detach(), labels_used=0)
    count = repaired(run, params) if params.labels else 0
    run.task.notes.append(READS_SOME.format(count=count) if count else READS_NONE)


def fitted(run: Run[Classifier], part: str, params: Laf) -> FeatureVAE:
    """An autoencoder of what the original makes of a part of the data."""
    features = torch.cat(list(features_of(run, part)))
    torch.manual_seed(run.seed)
    vae = feature_vae.fresh(features, params.latent)
    optimizer = Adam(vae.parameters(), lr=feature_vae.LEARNING_RATE)
    name = f"learn features, {part}"
    for _ in run.steps(name, params.vae_steps, {"vae": vae, "optimizer": optimizer}):
        run.log(reconstruction_loss=feature_vae.fitting_step(vae, optimizer, features, params.batch_size))
    vae.load_state_dict(run.cached(name, vae.state_dict))
    return vae.eval()


@torch.no_grad()
def features_of(run: Run[Classifier], part: str) -> Iterator[Tensor]:
    """Features [n, d] of a part under the original model, batch by batch."""
    for batch in run.batches(part, BATCH):
        yield run.task.features(run.original, batch.x)


def drawn(run: Run[Classifier], count: int) -> Batch:
    """At most `count` images of the retain set, drawn by torch's random state."""
    keep = run.task.parts["keep"]
    return run.task.batch(keep[torch.randperm(len(keep))[:count].numpy()])


def strangeness(features: Tensor, vae: FeatureVAE) -> Tensor:
    """r: the sum of exp(q / (q + 1)) over the squared reconstruction errors q of features [n, d]; between n and e n."""
    error = vae.error(features)
    return torch.exp(error / (error + 1)).sum()


def contrast(keep: Tensor, keep_before: Tensor, forget: Tensor, forget_before: Tensor, temperature: float) -> Tensor:
    """L_RA = sum_r log(exp(D_r) / sum_f exp(D_f / T)), with D = 1 - cosine of features [n, d] to those before."""
    kept = 1 - F.cosine_similarity(keep, keep_before)
    moved = 1 - F.cosine_similarity(forget, forget_before)
    return (kept - torch.logsumexp(moved / temperature, 0)).sum()


def repaired(run: Run[Classifier], params: Laf) -> int:
    """Train the last layer on labelled images to keep; how many labels that took."""
    labels, head = Labels(), run.task.head(run.model)
    keep = run.task.parts["keep"]
    few = keep[run.cached("labelled", lambda: torch.randperm(len(keep))[: params.labels]).numpy()]
    everyone = run.task.batch(few)
    classes = labels.of(everyone)
    optimizer = Adam(head.parameters(), lr=params.repair_rate)
    for _ in run.steps("repair", params.repair_steps, {"optimizer": optimizer}):
        rows = torch.randint(len(few), (params.batch_size,)).to(run.device)
        loss = F.cross_entropy(run.forward(run.model, everyone.x[rows]), classes[rows])
        run.model.zero_grad()
        loss.backward()
        optimizer.step()
        run.log(loss=loss.detach(), labels_used=len(labels))
    return len(labels)
