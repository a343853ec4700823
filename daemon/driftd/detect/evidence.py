"""What stretches of windows say: each kind of evidence, and how rare they are together."""

from dataclasses import dataclass

import numpy as np

from driftd.detect.attribution import Said, attribute, describe
from driftd.detect.margins import SMALLEST_P, Tested
from driftd.detect.paired import PairsTested
from driftd.detect.reference import Reference
from driftd.detect.settings import DriftSettings
from driftd.detect.verdict import ColumnVerdict
from driftd.profile import Profile
from driftd.profile.binning import Floats

# of the budget: single features, all together, pairs; what a reference has not leaves its part to the others
PARTS = (5, 4, 1)


@dataclass(frozen=True)
class Blocks:
    """Stretches of windows, each against the rows before it: profiles whose counts have a leading axis, the blocks."""

    reference: Profile
    current: Profile

    @classmethod
    def single(cls, reference: Profile, current: Profile) -> "Blocks":
        """Put one profile against another."""
        before, now = (Profile(*(each[None] for each in side.counts)) for side in (reference, current))
        return cls(before, now)

    @property
    def sizes(self) -> tuple[Floats, Floats]:
        """Rows before and now, shape (blocks,)."""
        before, now = (side.tallies[:, 0, 0].astype(np.float64) for side in (self.reference, self.current))
        return before, now


@dataclass(frozen=True)
class Evidence:
    """What blocks say against a reference. Only what a reference tests is said."""

    reference: Reference
    tested: Tested
    joint: Floats
    paired: PairsTested

    @classmethod
    def of(cls, reference: Reference, blocks: Blocks, floor: float) -> "Evidence":
        """Test blocks; `floor` is the least effect that is worth an alarm."""
        tested = reference.margins.test(blocks.reference.cells, blocks.current.cells)
        joint = reference.joint.p_values(blocks.reference.cells, blocks.current.cells, blocks.sizes)
        return cls(reference, tested, joint, reference.paired.test(blocks.reference, blocks.current, floor))

    def rarity(self, floor: float = 0.0, *, pairs: bool = True) -> Floats:
        """Return how rare each block is, 1 / p, over all kinds of evidence, or without pairs.

        Features whose effect is below `floor` say nothing; all together say nothing where that is so of every feature that is
        evidence at all: one that steps from one constant to another is none. Pairs were tested with a floor of their own.
        """
        single, together, paired = multipliers(self.reference)
        large = (self.tested.effects >= floor) & (self.tested.p_values < 1.0)
        p_values = np.where(large, self.tested.p_values, 1.0).min(-1) * single
        if self.reference.joint.groups:
            p_values = np.where(large.any(-1), np.minimum(p_values, self.joint * together), p_values)
        if pairs:
            p_values = np.minimum(p_values, paired * (self.paired.worth if floor else self.paired.p_values))
        return np.asarray(1 / np.clip(p_values, SMALLEST_P, 1.0))

    def moved(self, block: int, enough: float, settings: DriftSettings) -> frozenset[int]:
        """Return the features that explain why a block is as rare as `enough`: single ones, or those of a pair where only it is."""
        if self.rarity(settings.min_effect, pairs=False)[block] >= enough:
            return attribute(self.tested, block, settings)
        return self.reference.paired.columns(self.paired, block) or attribute(self.tested, block, settings)

    def told(self, block: int, said: Said, moved: frozenset[int]) -> tuple[ColumnVerdict, ...]:
        """Say what is to be said of each column about a block; `moved` are the features that drifted."""
        columns = describe(self.reference, self.tested, block, said, moved)
        if moved and moved == self.reference.paired.columns(self.paired, block):
            return self.reference.paired.told(columns, self.reference.layout, self.paired, block)
        return columns


def multipliers(reference: Reference) -> tuple[float, float, float]:
    """Return by how much p-values have to be multiplied: of a single feature, of all together, of the pairs."""
    features = int(reference.tested.sum())
    there = np.array([features > 0, len(reference.joint.groups) > 0, reference.paired.number > 0])
    whole = float((there * PARTS).sum())
    single, together, paired = (whole / part for part in PARTS)
    return single * max(features, 1), together, paired
