import numpy as np
import pytest

from repviz.errors import InputError, UnknownName
from repviz.images import open_images
from repviz.images.drawing import Hill, draw
from repviz.images.drawn_faces import EXPRESSION, FACTORS, LIGHT, POSE, SHAPE


def faces(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    values = np.random.default_rng(seed).uniform(-0.9, 0.9, (len(FACTORS), n))
    return dict(zip(FACTORS, values, strict=True))


def moved(base: dict[str, np.ndarray], factor: str, by: float) -> np.ndarray:
    return draw({**base, factor: base[factor] + by}).astype(float)


def still() -> dict[str, np.ndarray]:
    return {factor: np.zeros(1) for factor in FACTORS}


# truth


def test_a_hills_slopes_are_its_derivatives():
    u, v = np.meshgrid(np.linspace(-1, 1, 41), np.linspace(-1, 1, 41))
    hill, step = Hill(0.2, -0.1, 0.4, 0.3, 0.7, 0.15), 1e-6
    height, by_u, by_v = hill.slopes(u, v)
    np.testing.assert_array_equal(height, hill.over(u, v))
    rise_u = (hill.over(u + step, v) - hill.over(u - step, v)) / (2 * step)
    rise_v = (hill.over(u, v + step) - hill.over(u, v - step)) / (2 * step)
    np.testing.assert_allclose(by_u, rise_u, atol=1e-8)
    np.testing.assert_allclose(by_v, rise_v, atol=1e-8)


def test_a_face_that_looks_ahead_in_straight_light_is_its_own_mirror_image():
    face = draw(still())[0]
    np.testing.assert_allclose(face.astype(int), face[:, ::-1], atol=1)


@pytest.mark.parametrize("factor", ["turn", "tilt", "light_side"])
def test_turning_the_other_way_is_the_mirror_image(factor):
    left, right = (moved(still(), factor, by)[0] for by in (-0.8, 0.8))
    np.testing.assert_allclose(left, right[:, ::-1], atol=1)
    assert abs(left - right).mean() > 2


def test_light_from_the_right_is_bright_on_the_right():
    face = moved(still(), "light_side", 1.0)[0]
    assert face[20:40, 34:46].mean() > face[20:40, 18:30].mean() + 20


def test_the_factors_are_all_kinds_each_once():
    assert sorted(FACTORS) == sorted(SHAPE + POSE + LIGHT + EXPRESSION)
    for kind in (SHAPE, POSE, LIGHT, EXPRESSION):
        assert set(kind) & set(FACTORS[:4])


# laws


@pytest.mark.parametrize("factor", FACTORS)
def test_a_small_change_of_a_factor_is_a_small_change_of_the_picture(factor):
    base = faces(16)
    here = draw(base).astype(float)
    near, far = (moved(base, factor, by) - here for by in (0.02, 0.08))
    assert abs(near).max() < 16
    assert np.sqrt((near**2).mean()) < 1.5
    assert np.sqrt((far**2).mean(axis=(1, 2))).min() > 0.15


@pytest.mark.parametrize("factor", FACTORS)
def test_pictures_bend_and_do_not_jump(factor):
    base = faces(16)
    before, here, after = (moved(base, factor, by) for by in (-0.05, 0.0, 0.05))
    change = np.sqrt(((after - before) ** 2).mean())
    bend = np.sqrt(((after - 2 * here + before) ** 2).mean())
    # Rounding alone bends by the root of (1 + 4 + 1) / 12 = 0.71 grey levels.
    assert bend < 0.75 + 0.25 * change


def test_no_factor_can_be_made_up_for_by_the_others():
    base = faces(8)
    slopes = [(moved(base, name, 0.1) - moved(base, name, -0.1)) / 0.2 for name in FACTORS]
    for face in np.stack(slopes, axis=1).reshape(8, len(FACTORS), -1):
        assert np.linalg.svd(face / 64, compute_uv=False).min() > 2  # grey levels, RMS, per unit


def test_the_seed_decides_and_a_larger_set_begins_with_the_smaller():
    small, large = open_images("drawn-faces:20@5"), open_images("drawn-faces:30@5")
    other = open_images("drawn-faces:20@5", seed=1)
    np.testing.assert_array_equal(small.pixels(), large.pixels(slice(20)))
    assert small.labels.tolist() == large.labels[:20].tolist()
    assert small.key == open_images("drawn-faces:20@5").key
    assert small.key != other.key


def test_a_picture_is_what_its_factors_draw():
    images = open_images("drawn-faces:20@5")
    factors = {name: images.factors.get(name, np.zeros(20)) for name in FACTORS}
    np.testing.assert_array_equal(images.pixels()[:, 0], draw(factors))
    assert tuple(images.factors) == FACTORS[:5]
    assert all(abs(values).max() <= 1 for values in images.factors.values())


@pytest.mark.slow
def test_six_factors_are_six_dimensions():
    images = open_images("drawn-faces:1500@6")
    X = images.matrix().astype(float)
    squares = (X**2).sum(axis=1)
    distances = squares[:, None] + squares - 2 * X @ X.T
    np.fill_diagonal(distances, np.inf)
    first, second = np.sqrt(np.sort(distances, axis=1)[:, :2].T)
    dimension = len(X) / np.log(second / first).sum()  # TwoNN, maximum likelihood
    assert 5 < dimension < 7


# edges


def test_six_factors_if_none_are_named():
    assert len(open_images("drawn-faces:2").factors) == 6


def test_one_face_of_one_factor():
    images = open_images("drawn-faces:1@1")
    assert images.pixels().shape == (1, 1, 64, 64)
    assert tuple(images.factors) == ("width",)


def test_identity_is_a_matter_of_shape_alone():
    images = open_images("drawn-faces:400@6")
    assert len(images.classes) == 40
    shape = np.stack([images.factors["width"], images.factors["jaw"]], axis=1)
    spread = [shape[images.labels == person].std(axis=0).max() for person in images.classes]
    assert max(spread) < 0.3  # of 0.58 over all
    turn = [images.factors["turn"][images.labels == person].std() for person in images.classes]
    assert np.mean(turn) > 0.4


def test_a_factor_as_label_is_its_thirds():
    images = open_images("drawn-faces:300@4", label="smile")
    smile = images.factors["smile"]
    assert set(images.classes) == {"low", "middle", "high"}
    assert smile[images.labels == "low"].max() < -1 / 3 < smile[images.labels == "middle"].min()
    assert smile[images.labels == "middle"].max() < 1 / 3 < smile[images.labels == "high"].min()


# messages


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        (
            "many",
            "drawn-faces needs N or N@D, got 'many'. Write drawn-faces:2000@6 for 2000 faces of 6 "
            "true factors.",
        ),
        (
            "20@",
            "drawn-faces needs N or N@D, got '20@'. Write drawn-faces:2000@6 for 2000 faces of 6 "
            "true factors.",
        ),
        ("0", "N of drawn-faces:N@D must be a whole number from 1 to 1000000, got 0."),
        ("5@0", "D of drawn-faces:N@D must be a whole number from 1 to 12, got 0."),
        ("5@13", "D of drawn-faces:N@D must be a whole number from 1 to 12, got 13."),
    ],
)
def test_messages(argument, sentence):
    with pytest.raises(InputError) as caught:
        open_images(f"drawn-faces:{argument}")
    assert str(caught.value) == f"open_images: {sentence}"


def test_message_of_a_factor_that_does_not_vary():
    with pytest.raises(UnknownName) as caught:
        open_images("drawn-faces:5@2", label="smile")
    assert str(caught.value) == (
        "open_images: no factor of drawn-faces:5@2 is called 'smile'. Known: identity, width, turn."
    )
