import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repviz.errors import InputError, UnknownName
from repviz.images import Images, split
from repviz.images.collection import Arrays
from repviz.images.partition import by_for_labels, clusters_of, partition


def people(counts: list[int], labelled: bool = True, groups=None) -> Images:
    n = sum(counts)
    return Images(
        name="people",
        ids=tuple(map(str, range(n))),
        labels=np.repeat([f"p{k}" for k in range(len(counts))], counts) if labelled else None,
        factors={},
        credit="",
        groups=groups,
        _store=Arrays(np.zeros((n, 1, 8, 8), np.uint8), "people"),
        _index=np.arange(n),
    )


TEN_OF_FORTY = people([10] * 40)


# truth


@pytest.mark.parametrize("labels", [3, 19, 20])
def test_images_split_one_by_one_are_resampled_unless_labels_are_identities(labels):
    images = people([6] * labels)
    parts = partition(images, by="image")
    units = images.labels if labels == 20 else np.arange(len(images))
    assert parts.groups.tolist() == units.tolist()


@pytest.mark.parametrize("fractions", [(0.7, 0.3), (0.1, 0.9), (0.6, 0.2, 0.2), (0.5, 0.3, 0.2)])
def test_each_part_gets_its_share_of_each_person(fractions):
    for part, fraction in zip(split(TEN_OF_FORTY, fractions), fractions, strict=True):
        counts = np.bincount(TEN_OF_FORTY.label_indices[part], minlength=40)
        assert counts.tolist() == [round(10 * fraction)] * 40


def test_by_label_no_person_is_in_two_parts():
    parts = split(TEN_OF_FORTY, (0.7, 0.15, 0.15), by="label")
    held = [set(TEN_OF_FORTY.labels[part]) for part in parts]
    assert [len(labels) for labels in held] == [28, 6, 6]
    assert len(set.union(*held)) == 40
    assert [len(part) for part in parts] == [280, 60, 60]


def test_a_person_with_few_images_does_not_bend_the_shares():
    parts = split(people([3] * 100), (0.5, 0.5))
    assert [len(part) for part in parts] == [150, 150]


def test_groups_are_stratified_by_their_label():
    """Each of 30 people shows one emotion of three, ten people each: every part has its share."""
    groups = np.repeat([f"g{k:02d}" for k in range(30)], 4)
    images = people([40, 40, 40], groups=groups)
    parts = split(images, (0.7, 0.3))
    for part, share in zip(parts, (7, 3), strict=True):
        of = [np.unique(groups[part][images.labels[part] == f"p{k}"]) for k in range(3)]
        assert [len(names) for names in of] == [share] * 3


def test_what_is_not_an_independent_draw():
    """A declared group decides; without one a label does, from 20 on; "" is a label of its own."""
    labels = np.repeat([f"p{k}" for k in range(20)], 2)
    groups = np.tile(["a", "b"], 20)
    assert clusters_of(labels, groups) is groups
    assert clusters_of(labels, None) is labels
    assert clusters_of(labels[2:], None) is None
    assert clusters_of(None, None) is None
    missing = np.append(labels, ["", ""])
    assert len(np.unique(clusters_of(missing, None))) == 22
    partly = np.array(["2", "2", "", "", "b"])  # an image without a group is not of group "2"
    assert len(np.unique(clusters_of(None, partly))) == 4


def test_a_study_splits_by_group_and_takes_groups_whole():
    groups = np.tile([f"g{k:02d}" for k in range(30)], 10)
    parts = partition(people([150, 150], groups=groups), seed=3)
    held = [set(groups[rows]) for rows in (parts.train, parts.validation, parts.test)]
    assert [len(names) for names in held] == [21, 5, 4]
    assert len(set.union(*held)) == 30
    assert (parts.by, parts.clusters.tolist()) == ("group", groups.tolist())


@pytest.mark.parametrize(
    ("groups", "by"),
    [
        (np.tile(["a", "b"], 10), "group"),  # both people show both labels
        (np.repeat(["a", "b", "c", "d"], 5), "group"),  # two people show each label
        (np.repeat(["a", "b"], 10), "image"),  # a label that one person shows cannot be held out
        (None, "image"),
    ],
)
def test_groups_stay_together_where_labels_can_be_learned_from_others(groups, by):
    assert by_for_labels(people([10, 10], groups=groups)) == by


# laws


@settings(max_examples=80, deadline=None)
@given(
    counts=st.lists(st.integers(1, 30), min_size=1, max_size=12),
    n_groups=st.integers(2, 12),
    weights=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    labelled=st.booleans(),
    seed=st.integers(0, 99),
)
def test_no_group_is_separated(counts, n_groups, weights, labelled, seed):
    groups = np.random.default_rng(seed).integers(0, n_groups, sum(counts)).astype(str)
    images = people(counts, labelled, groups)
    fractions = [weight / sum(weights) for weight in weights]
    try:
        parts = split(images, fractions, seed=seed)
    except InputError:
        assert min(fractions) * len(np.unique(groups)) < len(weights)
        return
    assert np.sort(np.concatenate(parts)).tolist() == list(range(len(images)))
    assert sum(len(np.unique(groups[part])) for part in parts) == len(np.unique(groups))


@settings(max_examples=80, deadline=None)
@given(
    counts=st.lists(st.integers(1, 30), min_size=1, max_size=12),
    weights=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    by=st.sampled_from(["image", "label"]),
    labelled=st.booleans(),
    seed=st.integers(0, 99),
)
def test_the_parts_are_all_rows_once_and_near_their_shares(counts, weights, by, labelled, seed):
    images = people(counts, labelled or by == "label")
    fractions = [weight / sum(weights) for weight in weights]
    try:
        parts = split(images, fractions, by=by, seed=seed)
    except InputError:  # a part stayed empty, which only a small share of few can
        assert min(fractions) * (len(counts) if by == "label" else len(images)) < len(weights)
        return
    assert np.sort(np.concatenate(parts)).tolist() == list(range(len(images)))
    for part, fraction in zip(parts, fractions, strict=True):
        assert part.dtype == np.int64
        assert part.tolist() == sorted(part.tolist())
        if by == "image":
            assert abs(len(part) - fraction * len(images)) <= len(weights)
        else:
            assert abs(len(set(images.labels[part])) - fraction * len(counts)) < 1


def test_the_seed_decides():
    first, again, other = (split(TEN_OF_FORTY, (0.7, 0.3), seed=seed)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_numpys_global_generator_is_left_alone():
    before = np.random.get_state()[1].copy()
    split(TEN_OF_FORTY, (0.7, 0.3))
    np.testing.assert_array_equal(np.random.get_state()[1], before)


# edges


def test_one_part_is_everything():
    assert split(people([4]), (1,))[0].tolist() == [0, 1, 2, 3]


def test_thirds_need_not_sum_to_one_to_the_last_bit():
    parts = split(people([9]), (0.333333, 0.333333, 0.333334))
    assert [len(part) for part in parts] == [3, 3, 3]


def test_images_without_labels_are_dealt_out_whole():
    assert [len(part) for part in split(people([10], labelled=False), (0.7, 0.3))] == [7, 3]


# messages


def test_a_tensor_with_a_gradient_is_no_list_of_fractions():
    with pytest.raises(InputError) as caught:
        split(TEN_OF_FORTY, torch.tensor([0.5, 0.5], requires_grad=True))
    assert str(caught.value) == (
        "split: fractions must be numbers above 0 that sum to 1, got tensor([0.5000, 0.5000], "
        "requires_grad=True) (Tensor). For example: (0.7, 0.3)."
    )


@pytest.mark.parametrize("fractions", [(0.7, 0.2), (1.2, -0.2), (), 0.7, ("a", "b"), (1, 0)])
def test_message_of_wrong_fractions(fractions):
    with pytest.raises(InputError) as caught:
        split(TEN_OF_FORTY, fractions)
    assert str(caught.value) == (
        f"split: fractions must be numbers above 0 that sum to 1, got {fractions!r}. For example: "
        "(0.7, 0.3)."
    )


def test_message_of_a_part_left_empty():
    with pytest.raises(InputError) as caught:
        split(people([10, 10, 10]), (0.8, 0.1, 0.1), by="label")
    assert str(caught.value) == (
        "split: every part must get at least one image, got none for part 2 of 3 (30 images, 3 "
        "labels, fractions 0.8, 0.1, 0.1). Use more labels or larger fractions."
    )


def test_message_of_people_without_names():
    with pytest.raises(InputError) as caught:
        split(people([10], labelled=False), (0.7, 0.3), by="label")
    assert str(caught.value) == (
        "split: by='label' needs labels, and images 'people' have none. Use by='image'."
    )


def test_message_of_groups_that_are_not_declared():
    with pytest.raises(InputError) as caught:
        split(people([10]), (0.7, 0.3), by="group")
    assert str(caught.value) == (
        "split: by='group' needs groups, and images 'people' have none. Use by='image'."
    )


def test_message_of_too_few_groups():
    with pytest.raises(InputError) as caught:
        split(people([10, 10], groups=np.tile(["a", "b"], 10)), (0.4, 0.3, 0.3))
    assert str(caught.value) == (
        "split: every part must get at least one image, got none for part 3 of 3 (20 images, 2 "
        "labels, 2 groups, fractions 0.4, 0.3, 0.3). Use more groups or larger fractions."
    )


def test_message_of_a_split_that_would_separate_groups():
    with pytest.raises(InputError) as caught:
        partition(people([10, 10], groups=np.tile(["a", "b"], 10)), by="image")
    assert str(caught.value) == (
        "partition: images with groups are split by group, got by='image'. Leave one of them out."
    )


def test_message_of_an_unknown_way():
    with pytest.raises(UnknownName) as caught:
        split(TEN_OF_FORTY, (0.7, 0.3), by="labels")
    assert str(caught.value) == (
        "split: no way to split is called 'labels'. Did you mean 'label'? Known: image, label, "
        "group."
    )
