"""Made-up seismic: its truth is exact, its picture shows that truth, and a seed says everything."""

import os
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.core.errors import UsageError
from outcrop.core.volume import Volume
from outcrop.tasks.salt import render as rendering
from outcrop.tasks.salt.draw import draw_earth, draw_pictures, draw_section, draw_volume
from outcrop.tasks.salt.earth.bodies import Blob, Body
from outcrop.tasks.salt.earth.fields import draw_field
from outcrop.tasks.salt.earth.imaging import occupancy, spray
from outcrop.tasks.salt.earth.styles import STYLES
from outcrop.tasks.salt.plan import SALT_VELOCITY, Domain, Plan, Setting, columns, draw_plan
from outcrop.tasks.salt.render import Earth, render

SMALL = (32, 40, 96)

both_domains = pytest.mark.parametrize("domain", ["time", "depth"])


def some(seed: int, domain: Domain = "time", **more: object) -> Earth:
    setting = replace(Setting(shape=SMALL, domain=domain), **more)  # type: ignore[arg-type]
    return draw_earth(np.random.default_rng(seed), setting)


def ball(seed: int, domain: Domain, radius: float, depth: float) -> Plan:
    """A drawn earth whose salt is a ball in the middle of the survey."""
    plan = draw_plan(np.random.default_rng(seed), Setting(shape=(40, 40, 160), domain=domain))
    middle = 39 / 2 * 25.0
    sphere = Blob(centre=(middle, middle, depth), radii=(radius, radius, radius))
    # In time the cells must reach below the ball, whatever body the plan was made for.
    deepest = max(plan.depth, depth + radius + 100) if domain == "time" else plan.depth
    return replace(plan, body=Body(parts=(sphere,), blend=1.0, rough=()), depth=deepest)


def counted_volume(earth: Earth) -> float:
    """m³ of the mask: samples x bin x thickness of a sample."""
    setting = earth.setting
    thickness = setting.step * (earth.salt_velocity / 2000 if setting.domain == "time" else 1)
    return float(earth.mask.sum()) * setting.spacing[0] * setting.spacing[1] * thickness


# Known truth


@both_domains
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_ball_of_salt_has_the_volume_of_a_ball(domain: Domain, seed: int) -> None:
    earth = render(ball(seed, domain, 200.0, 260.0))
    assert earth.volume == pytest.approx(4 / 3 * np.pi * 200.0**3, rel=1e-3)


@both_domains
def test_a_ball_of_salt_is_as_thick_as_its_diameter(domain: Domain) -> None:
    plan = ball(4, domain, 200.0, 260.0)
    # Odd lines and traces would have one through the middle; these pass 12.5 m beside it on both axes.
    chord = 2 * np.sqrt(200.0**2 - 2 * 12.5**2)
    earth = render(plan)
    thickness = (earth.base - earth.top)[19:21, 19:21] * (plan.salt_velocity / 2000 if domain == "time" else 1)
    assert thickness == pytest.approx(np.full((2, 2), chord), rel=2e-3)


def test_the_crest_of_a_ball_lies_at_its_depth() -> None:
    earth = render(ball(5, "depth", 200.0, 260.0))
    above = earth.first_sample - earth.setting.step / 2
    assert float(np.nanmin(earth.top)) - above == pytest.approx(260.0 - np.sqrt(200.0**2 - 2 * 12.5**2), abs=0.5)


def test_salt_that_reaches_below_the_window_counts_to_its_end() -> None:
    plan = ball(6, "depth", 200.0, 1600.0)  # the window ends at 1600 m
    assert render(plan).volume == pytest.approx(2 / 3 * np.pi * 200.0**3, rel=1e-3)


@both_domains
@pytest.mark.parametrize("seed", range(4))
def test_counting_the_mask_comes_close_to_the_exact_volume(domain: Domain, seed: int) -> None:
    earth = some(seed, domain)
    assert counted_volume(earth) == pytest.approx(earth.volume, rel=0.02)
    assert counted_volume(earth) != earth.volume


@both_domains
@pytest.mark.parametrize("seed", range(4))
def test_the_true_top_and_base_frame_the_mask(domain: Domain, seed: int) -> None:
    earth = some(seed, domain)
    step, salty = earth.setting.step, earth.mask.any(axis=2)
    first = earth.first_sample + earth.mask.argmax(axis=2) * step
    last = earth.first_sample + (earth.setting.shape[2] - 1 - earth.mask[:, :, ::-1].argmax(axis=2)) * step
    assert not np.isnan(earth.top[salty]).any()
    assert (earth.top <= earth.base)[~np.isnan(earth.top)].all()
    assert (first[salty] >= earth.top[salty] - 1.01 * step).all()
    assert (last[salty] <= earth.base[salty] + 1.01 * step).all()
    # Only crumbs of salt thinner than a sample keep the mask away from the true top.
    assert np.mean(np.abs(first[salty] - earth.top[salty]) <= 1.01 * step) > 0.9


def test_time_runs_through_salt_at_its_own_velocity() -> None:
    plan = ball(7, "time", 200.0, 260.0)
    middle = np.full(1, 39 / 2 * 25.0, np.float32)
    rock = columns(plan, middle, middle)
    lasts = np.diff(rock.time[0, 0])
    full = rock.salt[0, 0] == 1
    assert SALT_VELOCITY[0] <= plan.salt_velocity <= SALT_VELOCITY[1]
    assert lasts[full] == pytest.approx(2000 * plan.cell / plan.salt_velocity, rel=1e-3)
    assert full.sum() * plan.cell == pytest.approx(400.0, abs=2 * plan.cell)


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_slower_than_water(seed: int) -> None:
    plan = draw_plan(np.random.default_rng(seed), Setting(shape=(1, 60, 128)))
    y, x = np.zeros(1, np.float32), np.arange(60, dtype=np.float32) * 25
    velocity, density, _ = plan.sediments.rock(y, x, plan.edges, None)
    assert velocity.min() >= 1499.0
    assert density.min() >= 1.0


def test_salt_stays_below_the_sea_bed() -> None:
    plans = (draw_plan(np.random.default_rng(seed), Setting(shape=(1, 80, 128), domain="depth")) for seed in range(20))
    marine = [plan for plan in plans if plan.sediments.seabed is not None]
    assert marine
    for plan in marine:
        y, x = np.zeros(1, np.float32), np.arange(80, dtype=np.float32) * 25
        assert plan.sediments.seabed is not None
        assert not (columns(plan, y, x).inside & (plan.edges <= plan.sediments.seabed.at(y, x))).any()


def test_an_earth_without_salt_has_none_anywhere() -> None:
    example = draw_volume(np.random.default_rng(1), Setting(shape=SMALL, no_salt_probability=1.0))
    assert not example.mask.any()
    assert example.truth["salt volume"] == 0
    assert example.truth["salt share"] == 0
    assert "salt crest" not in example.truth


def test_spraying_keeps_the_sum_and_the_place() -> None:
    places = np.array([[[1.25, 4.0, -3.0, 9.0]]], np.float32)
    sprayed = spray(places, np.array([[[2.0, 1.0, 5.0, 7.0]]], np.float32), 6)
    assert sprayed[0, 0] == pytest.approx([0, 1.5, 0.5, 0, 1, 0])


def test_a_cell_half_salt_fills_its_salty_end() -> None:
    salt, inside = np.array([[[0, 0.5, 1.0]]], np.float32), np.array([[[False, False, True, True]]])
    places = np.array([[[0, 1.0, 2.0, 2.4]]], np.float32)
    # The lower half of the second cell lasts 0.2 samples, from 1.8; the third lasts 0.4.
    assert occupancy(salt, inside, places, 0.4, 4)[0, 0] == pytest.approx([0, 0.2, 0.4, 0], abs=1e-6)


# Properties


@given(seed=st.integers(0, 2**32), step=st.integers(1, 7))
def test_a_field_is_the_same_function_at_any_sampling(seed: int, step: int) -> None:
    field = draw_field(np.random.default_rng(seed), (500.0, 800.0, 600.0), 90.0, 60.0)
    y, x, z = (np.arange(0, end, 20, dtype=np.float32) for end in (500, 800, 600))
    every = field.at(y, x, z)
    assert field.at(y[:2], x[::step], z[1::step]) == pytest.approx(every[:2, ::step, 1::step], abs=1e-4)


def test_a_field_has_zero_mean_and_unit_variance() -> None:
    field = draw_field(np.random.default_rng(3), (4000.0, 4000.0, 4000.0), 50.0, 50.0)
    places = np.arange(0, 4000, 37, dtype=np.float32)
    values = field.at(places, places, places)
    assert abs(values.mean()) < 0.02
    assert values.std() == pytest.approx(1.0, abs=0.03)


@both_domains
@pytest.mark.parametrize("seed", range(6))
def test_the_share_of_salt_is_the_one_asked_for(domain: Domain, seed: int) -> None:
    assert 0.05 * 0.9 <= some(seed, domain, salt_share=(0.05, 0.2)).mask.mean() <= 0.2 * 1.1


@both_domains
@pytest.mark.parametrize("style", STYLES)
def test_every_style_can_be_drawn_alone(domain: Domain, style: str) -> None:
    earth = some(11, domain, styles=(style,))
    assert earth.mask.any()
    assert np.isfinite(earth.seismic).all()


def test_some_salt_hangs_over() -> None:
    sections = [draw_section(np.random.default_rng(seed), (128, 128))[1].astype(int) for seed in range(12)]
    tops = [np.count_nonzero(np.diff(mask, axis=0, prepend=0) == 1, axis=0).max() for mask in sections]
    assert max(tops) >= 2


@both_domains
def test_slabs_leave_no_trace(domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = draw_plan(np.random.default_rng(8), Setting(shape=(40, 24, 64), domain=domain))
    whole = render(plan)
    monkeypatch.setattr(rendering, "SLAB_CELLS", 1)
    monkeypatch.setattr(rendering, "SLAB_LINES", 10)
    # The levels of noise and gain are those of the first slab: fixed here, so that only seams could differ.
    single = rendering._slab(plan, 0, 40, None)
    slabs = [rendering._slab(plan, start, start + 10, single.levels) for start in range(0, 40, 10)]
    seismic = np.concatenate([slab.seismic for slab in slabs])
    assert seismic == pytest.approx(single.seismic, abs=1e-4 * float(single.seismic.std()))
    sliced = render(plan)
    assert np.mean(sliced.mask != whole.mask) < 1e-4
    assert sliced.top == pytest.approx(whole.top, abs=0.01, nan_ok=True)
    assert sliced.volume == pytest.approx(whole.volume, rel=1e-4)


@given(samples=st.integers(16, 90), traces=st.integers(1, 90), seed=st.integers(0, 2**32))
@settings(max_examples=25)
def test_a_section_of_any_size_is_finite_and_of_unit_size(samples: int, traces: int, seed: int) -> None:
    section, mask = draw_section(np.random.default_rng(seed), (samples, traces))
    assert section.shape == mask.shape == (samples, traces)
    assert section.dtype == np.float32
    assert mask.dtype == np.uint8
    assert np.isfinite(section).all()
    assert np.sqrt(np.mean(section.astype(float) ** 2)) == pytest.approx(1.0, abs=1e-3)
    assert set(np.unique(mask)) <= {0, 1}


def test_a_part_of_the_sections_has_no_salt() -> None:
    empty = [not draw_section(np.random.default_rng(seed), (64, 64))[1].any() for seed in range(40)]
    assert 1 <= sum(empty) <= 20


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (Setting(shape=(0, 4, 64)), "at least one line"),
        (Setting(shape=(4, 4, 8)), "16 samples"),
        (Setting(shape=SMALL, spacing=(0.0, 25.0)), "positive distances"),
        (Setting(shape=SMALL, sample_step=0.0), "positive distances"),
        (Setting(shape=SMALL, salt_share=(0.3, 0.1)), "two fractions"),
        (Setting(shape=SMALL, styles=("igloo",)), "no salt style igloo: choose among diapirs"),
        (Setting(shape=SMALL, domain="width"), "choose time or depth"),  # type: ignore[arg-type]
    ],
)
def test_a_setting_that_cannot_be_drawn_is_refused(setting: Setting, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        draw_volume(np.random.default_rng(0), setting)


# Seeds

FINGERPRINT = """
from hashlib import sha256
import numpy as np
from outcrop.tasks.salt.draw import Setting, draw_earth, draw_section
section, mask = draw_section(np.random.default_rng(5), (96, 80))
earth = draw_earth(np.random.default_rng(6), Setting(shape=(20, 24, 64), domain="depth"))
parts = (section, mask, earth.seismic, earth.mask, earth.top)
print(sha256(b"".join(part.tobytes() for part in parts)).hexdigest(), repr(earth.volume))
"""


def test_a_seed_gives_the_same_bits_in_another_process_on_any_number_of_threads() -> None:
    prints = set()
    for threads in ("1", "4"):
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        done = subprocess.run(
            [sys.executable, "-c", FINGERPRINT], capture_output=True, text=True, check=True, env=environment
        )
        prints.add(done.stdout)
    section, mask = draw_section(np.random.default_rng(5), (96, 80))
    earth = draw_earth(np.random.default_rng(6), Setting(shape=(20, 24, 64), domain="depth"))
    parts = (section, mask, earth.seismic, earth.mask, earth.top)
    prints.add(f"{sha256(b''.join(part.tobytes() for part in parts)).hexdigest()} {earth.volume!r}\n")
    assert len(prints) == 1


def test_another_seed_gives_another_earth() -> None:
    assert not np.array_equal(some(1).seismic, some(2).seismic)


# End to end


@both_domains
def test_a_drawn_volume_reads_like_a_survey(domain: Domain) -> None:
    example = draw_volume(np.random.default_rng(9), Setting(shape=SMALL, domain=domain, spacing=(25.0, 12.5)))
    volume = example.source
    assert isinstance(volume, Volume)
    assert volume.shape == SMALL == example.mask.shape
    assert volume.notes == ("synthetic",)
    assert volume.vertical.unit == ("ms" if domain == "time" else "m")
    assert (volume.inlines[0], volume.crosslines[0]) == (1000, 2000)
    assert volume.cell_area() == 25.0 * 12.5
    lines, traces = volume.read("inline", 3, 5), volume.read("crossline", 7, 8)
    assert lines.shape == (2, 40, 96)
    assert traces.shape == (1, 32, 96)
    assert np.array_equal(lines[0, 7], traces[0, 3])
    assert volume.x is not None
    assert volume.y is not None
    assert np.hypot(volume.x[1, 0] - volume.x[0, 0], volume.y[1, 0] - volume.y[0, 0]) == pytest.approx(25.0)
    assert np.hypot(volume.x[0, 1] - volume.x[0, 0], volume.y[0, 1] - volume.y[0, 0]) == pytest.approx(12.5)
    assert example.truth["salt crest"] >= volume.first_sample - volume.sample_step
    assert example.truth["salt share"] == 100 * example.mask.mean()


def test_reading_a_drawn_volume_gives_a_copy() -> None:
    volume = draw_volume(np.random.default_rng(9), Setting(shape=SMALL)).source
    assert isinstance(volume, Volume)
    volume.read("inline", 0, 1)[:] = 7
    assert not (volume.read("inline", 0, 1) == 7).all()


def test_pictures_look_like_8_bit_grey_pictures_stretched_one_by_one() -> None:
    pictures = draw_pictures(np.random.default_rng(10), 24)
    assert len(pictures) == 24
    for picture, mask in pictures:
        assert picture.shape == mask.shape == (101, 101)
        assert picture.dtype == np.float32
        assert np.allclose(picture * 255, np.round(picture * 255), atol=1e-3)
        assert 0 <= picture.min() <= picture.max() <= 1
    assert np.mean([picture.mean() for picture, _ in pictures]) == pytest.approx(0.47, abs=0.03)
    assert np.mean([picture.std() for picture, _ in pictures]) == pytest.approx(0.16, abs=0.04)
    assert any(mask.any() for _, mask in pictures)
    assert any(not mask.any() for _, mask in pictures)
