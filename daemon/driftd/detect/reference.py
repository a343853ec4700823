"""What windows are judged against: cells, counts, and what was learnt about the rows before arming."""

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from driftd.detect.column_settings import limits
from driftd.detect.evidence.design_effect import blocks_of, dependence
from driftd.detect.evidence.loss_decay import LOSS, Score, with_loss, with_loss_column
from driftd.detect.evidence.marginal import Margins
from driftd.detect.evidence.multivariate import Group, Joint
from driftd.detect.evidence.pairwise import Paired, pair_design
from driftd.detect.evidence.terms import NO_TERMS, Terms, places_of, term_design
from driftd.detect.settings import DriftSettings
from driftd.errors import UnreadableFileError
from driftd.profile import Layout, Profile, systematic
from driftd.profile.binning import Floats, Ints
from driftd.profile.codec import pack, unpack
from driftd.profile.features import Column, Feature
from driftd.profile.sample import first_half, first_rows, skipped

LEAST_EFFECTIVE_ROWS = 100
MOVING = 0.01
HEAD = 1 << 14  # neighbouring rows that dependence is read from
PAIRED = 1 << 14  # rows that pairs are counted in


@dataclass(frozen=True)
class Reference:
    """The rows of a regime, as counts.

    Attributes:
        layout: Features and cells.
        anchor: Cells as they were when it was built; coarse cells and scores follow from them.
        profile: Counts now: those of the anchor and of windows in control that joined.
        design: Design effect of each feature.
        pair_design: Design effect of each pair of columns.
        term_design: Design effect of each bucket of terms.
        joint: The scores that are tested together.
        apart: Which features a person fixed thresholds for, so that they are no evidence of drift; and the model's losses.
        moving: Whether its own rows still drift from their first half to their second.
        score: The columns of which the model's losses are made.
        told: Cells of the rows that told which values a category has, of categories of which these are not compared; None without any.
    """

    layout: Layout
    anchor: Ints
    profile: Profile
    design: Floats
    pair_design: Floats
    term_design: Floats
    joint: Joint
    apart: NDArray[np.bool_]
    moving: bool = False
    score: Score | None = None
    told: Ints | None = None

    @classmethod
    def build(
        cls, read: Callable[[], Iterable[pa.RecordBatch]], columns: Sequence[Column], settings: DriftSettings
    ) -> "Reference":
        """Make a reference of rows; `read` yields them from the start each time, in order of arrival."""

        def rows() -> Iterable[pa.RecordBatch]:
            return with_loss(read(), settings.score)

        columns = with_loss_column(columns, settings.score)
        sample = systematic(rows())
        if sample is None or not sample.num_rows:
            raise UnreadableFileError("a reference needs rows, and there are none", remedy="give it data")
        layout = Layout.fit(sample, columns, endless=(LOSS,))
        profile = Profile.of_reference(layout, rows, PAIRED)
        first = _head(rows(), HEAD)
        head = layout.codes(first)
        blocks = blocks_of(head.shape[1], settings.window_rows)
        found = dependence(layout, profile.cells, head, blocks)
        if len(layout.held_out):
            later = layout.codes(_head(skipped(rows(), first_half(profile.rows)), HEAD))
            found = found.but(
                layout.held_out,
                dependence(layout, profile.cells, later, blocks_of(later.shape[1], settings.window_rows)),
            )
        fixed = np.array([_apart(feature, settings) for feature in layout.features], dtype=bool)
        tested = (profile.tallies[:, 0] / found.design >= LEAST_EFFECTIVE_ROWS) & ~fixed
        joint = Joint.fit(layout, profile.cells, layout.codes(sample), tested)
        joint, together = joint.settle(head, blocks, found)
        moving = min(together, float(found.alike.min(initial=1.0)) * len(found.alike)) <= MOVING
        pairs = pair_design(layout, first, blocks, found.design)
        terms = term_design(layout, first, blocks)
        told = None
        if len(layout.told):
            told = np.zeros_like(profile.cells)
            early = Profile.of(layout, first_rows(rows(), first_half(profile.rows)), 0)
            told[layout.told] = early.cells[layout.told]
        return cls(
            layout, profile.cells, profile, found.design, pairs, terms, joint, fixed, moving, settings.score, told
        )

    @cached_property
    def margins(self) -> Margins:
        told = np.zeros_like(self.anchor) if self.told is None else self.told
        return Margins(self.layout, self.anchor, self.design, self.tested, told)

    @property
    def compared(self) -> Profile:
        """Counts of the rows that windows are compared with."""
        return self.profile if self.told is None else replace(self.profile, cells=self.profile.cells - self.told)

    @cached_property
    def paired(self) -> Paired:
        first, second = self.layout.pairs.features
        enough = self.profile.rows / self.pair_design >= LEAST_EFFECTIVE_ROWS
        return Paired(self.layout.pairs, self.pair_design, self.tested[first] & self.tested[second] & enough)

    @cached_property
    def terms(self) -> Terms:
        places = places_of(self.layout)
        documents = self.profile.tallies[places, 0] - self.profile.tallies[places, 1]
        enough = documents / np.median(self.term_design, axis=1) >= LEAST_EFFECTIVE_ROWS
        return Terms.of(
            self.layout, self.anchor, self.design, self.term_design, enough & ~self.apart[self.layout.held_out]
        )

    @cached_property
    def tested(self) -> NDArray[np.bool_]:
        """Which features are evidence of drift; shape (features,)."""
        return self._enough & ~self.apart

    @cached_property
    def _enough(self) -> NDArray[np.bool_]:
        """Which features have enough rows, counted as independent ones, to be judged by."""
        enough = self.profile.tallies[:, 0] / self.design >= LEAST_EFFECTIVE_ROWS
        return np.array([not skip for skip in self.layout.skipped], dtype=bool) & enough

    @cached_property
    def constant(self) -> NDArray[np.bool_]:
        """Which features had one value only; shape (features,)."""
        return np.asarray((self.anchor > 0).sum(-1) <= 1)

    @cached_property
    def loss(self) -> int | None:
        """The place of the model's losses."""
        places = [place for place, feature in enumerate(self.layout.features) if feature.column == LOSS]
        return places[0] if places and not self.layout.skipped[places[0]] else None

    @property
    def unarmed(self) -> str | None:
        """Why windows cannot be judged against it, or None."""
        # a fixed threshold is judged by as well; losses alone are not
        if any(enough and place != self.loss for place, enough in enumerate(self._enough)):
            return None
        candidates = [place for place, skip in enumerate(self.layout.skipped) if not skip]
        if not candidates:
            return "no column can be tested: " + "; ".join(self.layout.notes)
        best = min(candidates, key=lambda place: self.design[place])
        design = self.design[best]
        why = f": even in {self.layout.features[best].name} {design:.1f} rows count as one" if design > 1 else ""
        return (
            f"the reference has {self.profile.rows} rows and needs {int(np.ceil(LEAST_EFFECTIVE_ROWS * design))}{why}"
        )

    @property
    def notes(self) -> list[str]:
        """What was recognised about the columns, for a person."""
        notes = list(self.layout.notes)
        for place, feature in enumerate(self.layout.features):
            if self.design[place] > 1:
                what = "" if self.tested[place] else f"; not tested before {LEAST_EFFECTIVE_ROWS} such rows are there"
                notes.append(
                    f"{feature.name}: neighbouring rows resemble each other, {self.design[place]:.1f} count as one{what}"
                )
        return notes

    def under(self, settings: DriftSettings) -> "Reference":
        """Return this reference without the features that settings leave out which were changed since it was built.

        Scores of the features together cannot be taken apart, so single features are all the evidence then.
        """
        apart = [_apart(feature, settings) for feature in self.layout.features]
        if not np.any(apart & ~self.apart):
            return self
        return replace(self, apart=self.apart | apart, joint=Joint(()))

    def grown(self, profile: Profile) -> "Reference":
        """Return this reference with more rows of its regime."""
        return replace(self, profile=self.profile.merge(profile))

    def to_bytes(self) -> bytes:
        """Serialise; equal references give equal bytes."""
        arrays = {
            "anchor": self.anchor,
            "design": self.design,
            "pair_design": self.pair_design,
            "term_design": self.term_design,
            **self.profile.arrays(),
            **({} if self.told is None else {"told": self.told}),
        }
        for place, group in enumerate(self.joint.groups):
            arrays |= {
                f"owners{place}": group.owners,
                f"scores{place}": group.scores,
                f"whitening{place}": group.whitening,
            }
        groups = [
            [[each.hex() for each in group.excess], group.rows, group.design.hex()] for group in self.joint.groups
        ]
        return zlib.compress(
            pack(
                {
                    "layout": self.layout.to_json(),
                    "groups": groups,
                    "moving": self.moving,
                    "apart": self.apart.tolist(),
                    "score": self.score,
                },
                arrays,
            ),
            1,
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "Reference":
        header, arrays = unpack(zlib.decompress(data))
        groups = tuple(
            Group(
                arrays[f"owners{place}"],
                arrays[f"scores{place}"],
                arrays[f"whitening{place}"],
                (float.fromhex(second), float.fromhex(third)),
                rows,
                float.fromhex(design),
            )
            for place, ((second, third), rows, design) in enumerate(header["groups"])
        )
        profile = Profile.from_arrays(arrays)
        layout = Layout.from_json(header["layout"])
        return cls(
            layout,
            arrays["anchor"],
            profile,
            arrays["design"],
            arrays["pair_design"],
            arrays.get("term_design", NO_TERMS),
            Joint(groups),
            np.array(header["apart"], bool),
            header["moving"],
            tuple(header["score"]) if header["score"] else None,
            arrays.get("told"),
        )


def _apart(feature: Feature, settings: DriftSettings) -> bool:
    return feature.column in (LOSS, *settings.ignore) or bool(limits(feature, settings))


def _head(batches: Iterable[pa.RecordBatch], rows: int) -> pa.RecordBatch:
    """Return the first rows, as neighbours."""
    return pa.Table.from_batches(list(first_rows(batches, rows))).unify_dictionaries().combine_chunks().to_batches()[0]
