"""Inpainting: fills in the middle of a picture of it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..api.attacked import Attacked
from ..api.errors import BadInput
from ..api.panels import Series
from ..core.attack import AttackContext, Result, curves
from ..core.registry import Params, attack
from ..families.text_to_image import denoising
from ..families.text_to_image.exam import DrawingExam, Images
from ..families.text_to_image.one_step import ONE_STEP
from ..families.text_to_image.task import TextToImage
from ._drawing import beginnings, exam_of, finds, neighbour_prompts, on_each, tried_of

SIDES = (0.9, 0.75, 0.6, 0.5)  # of the picture's side that the hole in its middle has
JUDGED = 1  # of SIDES: a smaller hole leaves so much that anything put in it looks like the thing
