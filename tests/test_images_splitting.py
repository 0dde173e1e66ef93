import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repviz.errors import InputError, UnknownName
from repviz.images import Images, split
from repviz.images.collection import Arrays


def people(counts: list[int], labelled: bool = True) -> Images:
    n = sum(counts)
    return Images(
        name="people",
        ids=tuple(map(str, range(n))),
        labels=np.repeat([f"p{k}" for k in range(len(counts))], counts) if labelled else None,
        factors={},
        credit="",
        _store=Arrays(np.zeros((n, 1, 8, 8), np.uint8), "people"),
        _index=np.arange(n),
    )


TEN_OF_FORTY = people([10] * 40)


# truth


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


# laws


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
        "labels, fractions 0.8, 0.1, 0.1). Use more images or larger fractions."
    )


def test_message_of_people_without_names():
    with pytest.raises(InputError) as caught:
        split(people([10], labelled=False), (0.7, 0.3), by="label")
    assert str(caught.value) == (
        "split: by='label' needs labels, and images 'people' have none. Use by='image'."
    )


def test_message_of_an_unknown_way():
    with pytest.raises(UnknownName) as caught:
        split(TEN_OF_FORTY, (0.7, 0.3), by="labels")
    assert str(caught.value) == (
        "split: no way to split is called 'labels'. Did you mean 'label'? Known: image, label."
    )
