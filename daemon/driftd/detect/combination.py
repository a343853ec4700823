"""What stretches of windows say: each kind of evidence, and how rare they are together."""

from dataclasses import dataclass

import numpy as np

from driftd.detect.attribution import Said, attribute, describe
from driftd.detect.evidence.marginal import SMALLEST_P, Tested
from driftd.detect.evidence.pairwise import PairsTested
from driftd.detect.evidence.terms import TermsTested
from driftd.detect.reference import Reference
from driftd.detect.settings import DriftSettings
from driftd.detect.verdict import ColumnVerdict
from driftd.profile import Profile
from driftd.profile.binning import Floats

# of the budget: single features, all together, pairs, terms; what a reference has not leaves its part to the others
PARTS = (5, 4, 1, 1)


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
    terms: TermsTested

    @classmethod
    def of(cls, reference: Reference, blocks: Blocks, floor: float) -> "Evidence":
        """Test blocks; `floor` is the least effect that is worth an alarm."""
        tested = reference.margins.test(blocks.reference.cells, blocks.current.cells)
        joint = reference.joint.p_values(blocks.reference.cells, blocks.current.cells, blocks.sizes)
        paired = reference.paired.test(blocks.reference, blocks.current, floor)
        terms = reference.terms.test(blocks.reference, blocks.current, floor)
        return cls(reference, tested, joint, paired, terms)

    def rarity(self, floor: float = 0.0) -> Floats:
        """Return how rare each block is, 1 / p, over all kinds of evidence.

        Features whose effect is below `floor` say nothing; all together say nothing where that is so of every feature that is
        evidence at all: one that steps from one constant to another is none. Pairs and terms were tested with a floor of their own.
        """
        return np.asarray(1 / np.clip(np.minimum.reduce(self._p_values(floor)), SMALLEST_P, 1.0))

    def _p_values(self, floor: float) -> tuple[Floats, Floats, Floats]:
        """Return p-values of the features, of pairs and of terms, each over all evidence."""
        single, together, paired, terms = multipliers(self.reference)
        large = (self.tested.effects >= floor) & (self.tested.p_values < 1.0)
        p_values = np.where(large, self.tested.p_values, 1.0).min(-1) * single
        if self.reference.joint.groups:
            p_values = np.where(large.any(-1), np.minimum(p_values, self.joint * together), p_values)
        between = self.paired.worth if floor else self.paired.p_values
        within = self.terms.worth.min(0, initial=1.0) if floor else self.terms.p_values
        return p_values, paired * between, terms * within

    def moved(self, block: int, enough: float, settings: DriftSettings) -> frozenset[int]:
        """Return the features that explain why a block is as rare as `enough`: single ones and those of terms, or of a pair where only it is."""
        features, between, _ = (float(each[block]) for each in self._p_values(settings.min_effect))
        alone, words = features * enough <= 1, self.words(block, enough)
        if alone or words:
            return words | (attribute(self.tested, block, settings) if alone else frozenset())
        pair = self.reference.paired.columns(self.paired, block) if between * enough <= 1 else frozenset()
        return pair or attribute(self.tested, block, settings)

    def words(self, block: int, enough: float) -> frozenset[int]:
        """Return the first features of the columns whose terms by themselves are as rare as `enough`."""
        *_, terms = multipliers(self.reference)
        return self.reference.terms.columns(self.terms, block, 1 / (enough * terms))

    def told(self, block: int, said: Said, moved: frozenset[int]) -> tuple[ColumnVerdict, ...]:
        """Say what is to be said of each column about a block; `moved` are the features that drifted."""
        columns = describe(self.reference, self.tested, block, said, moved)
        layout, pairs, terms = self.reference.layout, self.reference.paired, self.reference.terms
        if moved and moved == pairs.columns(self.paired, block):
            columns = pairs.told(columns, layout, self.paired, block)
        return terms.told(columns, layout, self.terms, block, moved)


def multipliers(reference: Reference) -> tuple[float, float, float, float]:
    """Return by how much p-values have to be multiplied: of a single feature, of all together, of pairs, of terms."""
    features = int(reference.tested.sum())
    there = np.array(
        [features > 0, len(reference.joint.groups) > 0, reference.paired.number > 0, reference.terms.number > 0]
    )
    whole = float((there * PARTS).sum())
    # what there is takes at most the whole budget; where there is nothing no p-value becomes 0
    single, together, paired, terms = (max(whole / part, 1.0) for part in PARTS)
    return single * max(features, 1), together, paired, terms
