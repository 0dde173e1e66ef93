"""The report's sections, in the order of the page: one question each.

To add one: a line in :data:`SECTIONS`, and a file of that name with ``render(study)``, which gives
a :class:`Content`, or None where the study has nothing for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from repviz.report.html import Child, Markup
    from repviz.study_folder import Study


# The columns that the report reads of each table.
COLUMNS: dict[str, str] = {
    "findings": "order section sentence",
    "images": "row id label",
    "sweep": "engine bottleneck n_train n_test groups_test mse mse_low mse_high psnr ssim ratio "
    "ratio_low ratio_high ratio_augmented pca_equivalent seeds split",
    "sweep_images": "engine bottleneck row mse",
    "traversals": "direction engine bottleneck share reach factor r n_test",
    "interpolation": "path engine bottleneck share nearest n_train from to",
    "audit": "engine separate bottleneck mse separate_mse gap gap_low gap_high n_test",
    "choices": "criterion title engine size low high margin n_test left_out",
    "criteria": "criterion engine bottleneck original kept loss loss_high n_test",
    "knee": "engine sizes low high ranges found stands",
    "code_probes": "engine bottleneck probe score low high n chance",
    "code_dimension": "engine bottleneck dimension low high calibrated calibrated_low "
    "calibrated_high n groups warnings",
    "reconstruction_panels": "panel engine bottleneck",
    "reconstruction_images": "position row id pick",
    "training": "epoch train_loss train_accuracy held_out_accuracy held_out_low held_out_high "
    "chance n_train n_held_out learning_rate",
    "evaluation": "model views accuracy low high right n chance",
    "filters": "tower first last",
    "top_images": "panel layer unit tower rank row id label value n",
    "anatomy": "layer kind kernel stride output formula parameters neurons multiply_adds "
    "share_parameters share_multiply_adds",
    "layers": "representation model weights layer n groups d dimension dimension_low "
    "dimension_high calibrated calibrated_low calibrated_high participation_ratio components_90 "
    "nearest_same nearest_low nearest_high nearest_n nearest_chance trustworthiness "
    "trustworthiness_k warnings",
    "spectrum": "representation component cumulative",
    "components": "component ratio null n repeats",
    "map": "representation row x y",
    "profile": "representation weights layer depth n twonn twonn_calibrated twonn_calibrated_low "
    "twonn_calibrated_high plateau plateau_low plateau_high plateau_from plateau_to danco "
    "participation pca_90 gaussian_calibrated gaussian_calibrated_low gaussian_calibrated_high "
    "warnings",
    "factors": "representation factor weights layer depth n r2 r2_low r2_high",
    "invariance": "change title weights layer depth relative_displacement "
    "relative_displacement_low relative_displacement_high top1_retrieval n",
    "similarity": "one other cka null p n",
    "ladder": "order title n accepted rate low high distance_q05 distance_median distance_q95 "
    "threshold calibration_n calibration_quantile seed",
}


@dataclass(frozen=True)
class Content:
    """What a section says: its figures and tables, how to read them, what they cannot show."""

    body: Markup
    reading: Child = ""
    limits: Child = ""


@dataclass(frozen=True)
class Section:
    """One question of the report.

    A section whose ``files`` the study lacks is left out. One whose name or ``stage`` stands in the
    manifest under ``skipped`` prints the reason given there.
    """

    name: str
    short: str  # in the table of contents
    question: str
    stage: str
    files: tuple[str, ...] = ()

    def render(self, study: Study) -> Content | None:
        """The content, from the file of this section's name."""
        return import_module(f"repviz.report.sections.{self.name}").render(study)


_LINES = (
    Section("findings", "In short", "What came out?", "findings", ("results/findings.csv",)),
    Section(
        "images",
        "The images",
        "What was looked at?",
        "images",
        ("results/images.csv", "arrays/thumbnails.npy"),
    ),
    Section(
        "sweep",
        "Squeezing",
        "How few numbers can hold an image?",
        "sweep",
        ("results/sweep.csv",),
    ),
    Section(
        "reconstructions",
        "What is lost",
        "What does each size keep and lose?",
        "sweep",
        (
            "results/reconstruction_panels.csv",
            "results/reconstruction_images.csv",
            "arrays/reconstructions.npy",
        ),
    ),
    Section(
        "walks",
        "Along the code",
        "What does the code vary, and what lies between two images?",
        "walks",
        (
            "results/traversals.csv",
            "results/interpolation.csv",
            "arrays/traversals.npy",
            "arrays/interpolation.npy",
        ),
    ),
    Section(
        "audit",
        "One for all",
        "What does one training for every size cost?",
        "sweep",
        ("results/audit.csv",),
    ),
    Section(
        "criteria",
        "Reasonable",
        "How small is still reasonable, and by whose judgement?",
        "criteria",
        ("results/knee.csv",),
    ),
    Section(
        "code_probes",
        "Kept and dropped",
        "What does the code keep, and what does it drop?",
        "code_probes",
        ("results/code_probes.csv", "results/code_dimension.csv"),
    ),
    Section(
        "anatomy",
        "The network",
        "Where are the network’s unknowns, and where is its work?",
        "anatomy",
        ("results/anatomy.csv",),
    ),
    Section(
        "training",
        "Learning",
        "Did the network learn to tell the labels apart?",
        "training",
        ("results/training.csv",),
    ),
    Section(
        "evaluation",
        "New images",
        "How often is the network right on images new to it?",
        "evaluation",
        ("results/evaluation.csv",),
    ),
    Section(
        "filters",
        "First filters",
        "What does the first layer look for?",
        "filters",
        ("arrays/filters.npy", "results/filters.csv"),
    ),
    Section(
        "top_images",
        "Units",
        "Which images does each unit answer to most?",
        "top_images",
        ("results/top_images.csv", "arrays/top_images.npy"),
    ),
    Section(
        "profile",
        "Over depth",
        "How does the shape of the images change from layer to layer?",
        "profile",
        ("results/profile.csv",),
    ),
    Section(
        "factors",
        "Known factors",
        "Which of the causes that are known can be read from each layer?",
        "profile",
        ("results/factors.csv",),
    ),
    Section(
        "invariance",
        "What moves it",
        "How far does each layer move when an image is changed?",
        "invariance",
        ("results/invariance.csv",),
    ),
    Section(
        "similarity",
        "Alike",
        "Which representations say the same?",
        "similarity",
        ("results/similarity.csv",),
    ),
    Section(
        "identity",
        "Who is it",
        "Which representation keeps who it is?",
        "manifold",
        ("results/layers.csv",),
    ),
    Section(
        "dimension",
        "Dimension",
        "How many degrees of freedom are left?",
        "manifold",
        ("results/layers.csv",),
    ),
    Section(
        "spectrum",
        "Linear spread",
        "How many linear directions does each use?",
        "manifold",
        ("results/spectrum.csv", "results/layers.csv"),
    ),
    Section(
        "map",
        "The map",
        "Which images does each put side by side?",
        "manifold",
        ("results/map.csv", "results/images.csv", "arrays/thumbnails.npy"),
    ),
    Section(
        "ladder",
        "Noise to face",
        "Is a random point ever a face?",
        "ladder",
        ("results/ladder.csv",),
    ),
    Section("provenance", "Provenance", "Where do these numbers come from?", "provenance"),
)
SECTIONS: dict[str, Section] = {section.name: section for section in _LINES}
