"""Strategies made to be judged: those that see the future, each in its own way, and those that only look it.

No node can name them; `framework check` is tested on them, and its rates of detection and of false alarm are
measured on them. They make no money on purpose or otherwise.
"""

from framework_proving.specimens.biased import BIASED, UNSETTLED
from framework_proving.specimens.clean import CLEAN, SETTLED
from framework_proving.specimens.trader import SpecimenConfig

__all__ = ["BIASED", "CLEAN", "SETTLED", "UNSETTLED", "SpecimenConfig"]
