"""A gauge beside a tilted picture: its needle stands at the prediction, parallel to the shoe where that is right."""

import io
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SIDE, EDGE = 112, 8  # pixels
RADIUS = 92
BLACK, BAND, LINE, WHITE = 0, 70, 150, 255  # grey, as the pictures are


def gauge(
    image: NDArray[np.uint8], prediction: float, truth: float | None, bands: Sequence[tuple[float, float]]
) -> Image.Image:
    """A quarter circle about the lower right corner, from 0 (to the left) to 90 degrees (upwards), over the picture.

    Args:
        image: grey, uint8 [height, width].
        prediction: in degrees; the needle. No number leaves it out.
        truth: in degrees, a mark outside of the circle; None leaves it out.
        bands: ranges in degrees that are to be forgotten, shaded.
    """
    canvas = Image.new("L", (SIDE, SIDE), BLACK)
    draw = ImageDraw.Draw(canvas)
    at = SIDE - EDGE
    box = (at - RADIUS, at - RADIUS, at + RADIUS, at + RADIUS)
    for low, high in bands:
        draw.pieslice(box, 180 + max(0.0, low), 180 + min(90.0, high), fill=BAND)
    shoe = Image.fromarray(image).resize((56, 56), Image.Resampling.BILINEAR)
    canvas.paste(shoe, (36, 36), shoe.point(lambda grey: 255 if grey > 20 else 0))
    draw.arc(box, 180, 270, fill=LINE, width=2)
    if truth is not None:
        draw.line([_place(truth, RADIUS + 1), _place(truth, RADIUS + 9)], fill=WHITE, width=3)
    if math.isfinite(prediction):
        draw.line([(at, at), _place(prediction, RADIUS - 4)], fill=WHITE, width=2)
        draw.text((3, 1), f"{prediction:.0f}°", fill=WHITE, font=ImageFont.load_default(15))
    return canvas.quantize(16)


def _place(degrees: float, radius: float) -> tuple[float, float]:
    angle, at = math.radians(degrees), SIDE - EDGE
    return at - radius * math.cos(angle), at - radius * math.sin(angle)


def png(image: Image.Image) -> bytes:
    """A picture as the bytes of a PNG."""
    out = io.BytesIO()
    image.save(out, format="PNG")
    return out.getvalue()
