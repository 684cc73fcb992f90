"""From a picture to what a model takes: the model's own image processor, split into a slow part and a quick one.

Resizing and cropping is done once, by `prepare`; the rest is the same line for every pixel of a channel and is done on
the device, by `normalise`.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ...api.errors import BadInput
from ...data._images import open_image

LATER = ("do_rescale", "do_normalize", "include_top")  # steps of a processor that are the same line for every pixel
NEAR = 1.6  # of 255, by which what is rounded to whole numbers on the way may differ


class Pixels:
    """The image processor of one model.

    Attributes:
        mode: of the pictures that it takes, grey ("L") or colour ("RGB").
        black, white: what the values 0 and 255 are for the model, [1, channels, 1, 1].
    """

    def __init__(self, folder: Path, model_id: str, channels: int, device: torch.device) -> None:
        """Read the processor and find how it maps a value x of 0 to 255: slope * x + offset for each channel.

        Args:
            folder: of the model.
            model_id: how errors name it.
            channels: of the model's input; 1 is grey, all else colour.
            device: where `normalise` works.

        Raises:
            BadInput: there is no processor, or it needs what Lethe does not have.
        """
        from transformers import AutoImageProcessor  # here, since it takes seconds to import

        try:
            self.processor = AutoImageProcessor.from_pretrained(folder, backend="pil", trust_remote_code=False)
            self._only_resize = {name: False for name in LATER if hasattr(self.processor, name)}
            self.mode = "L" if channels == 1 else "RGB"
            black, white = (self._of_one_colour(value).to(device) for value in (0, 255))
        except (ValueError, OSError, ImportError, TypeError, AttributeError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
            raise BadInput(
                f"{model_id} has no image processor that works here ({reason}); add a preprocessor_config.json."
            ) from None
        self.black, self.white = black, white
        self._slope, self._offset = (white - black) / 255, black
        self._check(model_id)

    def _check(self, model_id: str) -> None:
        """See that both parts together make of a picture what the processor makes of it.

        Raises:
            BadInput: they do not, so it does more to a picture than Lethe can take apart.
        """
        rows, columns = np.mgrid[0:96, 0:80]
        values = np.stack([2.6 * rows, 3.2 * columns, 250 - 1.3 * (rows + columns)], -1).clip(0, 255).astype(np.uint8)
        picture = Image.fromarray(values).convert(self.mode)
        processed = torch.from_numpy(
            np.array(self.processor(picture, do_convert_rgb=False, return_tensors="np")["pixel_values"])
        )
        ours = self.normalise(torch.from_numpy(self.prepare(picture)).permute(2, 0, 1)[None]).cpu()
        if (
            ours.shape != processed.shape
            or not ((ours - processed).abs() < NEAR * self._slope.abs().cpu() + 1e-4).all()
        ):
            raise BadInput(
                f"The image processor of {model_id} ({type(self.processor).__name__}) does more to a picture than to resize, crop "
                "and normalise it, so Lethe would show the model something else; give it a preprocessor_config.json of another kind."
            )

    def _of_one_colour(self, value: int) -> Tensor:
        """Processed middle of a picture in which every value is the same, [1, channels, 1, 1]."""
        image = Image.new(self.mode, (64, 64), (value,) * len(self.mode))
        out = self.processor(image, do_convert_rgb=False, return_tensors="np")["pixel_values"][0]
        middle = out[:, out.shape[1] // 2, out.shape[2] // 2]
        return torch.tensor(middle, dtype=torch.float32)[None, :, None, None]

    def prepare(self, image: Image.Image) -> NDArray[np.uint8]:
        """A picture at the model's size, uint8 [height, width, channels]."""
        out = self.processor(image.convert(self.mode), do_convert_rgb=False, return_tensors="np", **self._only_resize)[
            "pixel_values"
        ][0]
        return np.ascontiguousarray(out.transpose(1, 2, 0).round().clip(0, 255).astype(np.uint8))

    def normalise(self, images: Tensor) -> Tensor:
        """uint8 [n, channels, height, width] to the model's input, float32 on the device."""
        x = images.to(self._slope.device) * self._slope + self._offset
        return x.contiguous(memory_format=torch.channels_last)

    def open(self, path: Path) -> Tensor:
        """One image file as the model's input, [1, channels, height, width].

        Raises:
            BadInput: it is no image, or too large.
        """
        return self.normalise(torch.from_numpy(self.prepare(open_image(path))).permute(2, 0, 1)[None])
