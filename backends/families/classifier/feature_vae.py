"""A small variational autoencoder on the features of images: what it reproduces well is like what it was fitted to."""

from itertools import pairwise

import torch
from torch import Tensor, nn

WIDTHS = (128, 32)  # of the layers between the features and the latent code, as in LAF
KL_WEIGHT = 0.025
LEARNING_RATE = 1e-3  # of Adam


class FeatureVAE(nn.Module):
    """features d -> 128 -> 32 -> latent -> 32 -> 128 -> d, ReLU between, a sigmoid at the end.

    A sigmoid says nothing outside 0 to 1, so features are brought there first: by the lowest and highest value that each of them
    has among those that it is fitted to.
    """

    low: Tensor
    span: Tensor

    def __init__(self, low: Tensor, high: Tensor, latent: int) -> None:
        """`low` and `high` [d] of the features; `latent`, how many numbers its code has."""
        super().__init__()
        self.register_buffer("low", low)
        self.register_buffer("span", (high - low).clamp(min=1e-6))
        sizes = (len(low), *WIDTHS)
        self.encoder = _layers(sizes)
        self.mean, self.log_variance = nn.Linear(sizes[-1], latent), nn.Linear(sizes[-1], latent)
        self.decoder = nn.Sequential(_layers((latent, *sizes[:0:-1])), nn.Linear(sizes[1], sizes[0]), nn.Sigmoid())

    def scaled(self, features: Tensor) -> Tensor:
        """Features [n, d] as it reads them."""
        return (features - self.low) / self.span

    def forward(self, scaled: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(reconstruction [n, d], mean [n, latent], standard deviation [n, latent]); the code is drawn by torch's random state."""
        inner = self.encoder(scaled)
        mean, deviation = self.mean(inner), torch.exp(0.5 * self.log_variance(inner))
        return self.decoder(mean + deviation * torch.randn_like(deviation)), mean, deviation

    def error(self, features: Tensor) -> Tensor:
        """|h(e) - e|^2 [n] of features [n, d], in its own scale."""
        scaled = self.scaled(features)
        error: Tensor = (self(scaled)[0] - scaled).square().sum(1)
        return error

    def loss(self, features: Tensor) -> Tensor:
        """What it is fitted by: the mean squared error, summed over features, plus 0.025 KL(code || standard normal)."""
        scaled = self.scaled(features)
        reconstruction, mean, deviation = self(scaled)
        variance = deviation.square()
        divergence = 0.5 * (mean.square() + variance - 1 - torch.log(variance + 1e-8)).sum(1)
        loss: Tensor = ((reconstruction - scaled).square().sum(1) + KL_WEIGHT * divergence).mean()
        return loss


def _layers(sizes: tuple[int, ...]) -> nn.Sequential:
    """Linear layers with a ReLU behind each."""
    return nn.Sequential(*(part for pair in pairwise(sizes) for part in (nn.Linear(*pair), nn.ReLU())))


def fresh(features: Tensor, latent: int) -> FeatureVAE:
    """A new one for features [n, d], its weights drawn by torch's random state."""
    made = FeatureVAE(features.min(0).values, features.max(0).values, latent)
    return made.to(features.device)


def fitting_step(vae: FeatureVAE, optimizer: torch.optim.Optimizer, features: Tensor, batch_size: int) -> Tensor:
    """One step on `batch_size` of the features [n, d], drawn with replacement by torch's random state; the loss, detached."""
    rows = torch.randint(len(features), (batch_size,)).to(features.device)
    loss = vae.loss(features[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()
