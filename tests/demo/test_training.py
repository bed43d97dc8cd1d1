"""Augmentation of images and the training loop."""

import numpy as np
import pytest
import torch
from torch import nn

from radin.demo.training import Images, Settings, augment, train


def augmented(seed=0, **settings):
    pixels = np.random.default_rng(1).random((200, 9, 9), dtype=np.float32) + 0.5
    return pixels, augment(pixels, Settings(1e-3, 0.0, 1, **settings), np.random.default_rng(seed))


def test_without_augmentation_images_stay_as_they_are():
    pixels, changed = augmented()
    assert np.array_equal(pixels, changed)


def test_flips_mirror_about_half_of_the_images():
    pixels, changed = augmented(flip=True)
    same, mirrored = (changed == pixels).all((1, 2)), (changed == pixels[:, :, ::-1]).all((1, 2))
    assert (same ^ mirrored).all() and 60 < mirrored.sum() < 140


def test_shifts_move_each_image_by_up_to_so_many_pixels_into_black():
    pixels, changed = augmented(shift=1)
    padded = np.pad(pixels, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (9, 9), axis=(1, 2)).reshape(200, 9, 9, 9)
    matches = (windows == changed[:, None]).all((2, 3))
    assert (matches.sum(1) == 1).all() and (matches.sum(0) > 0).all()


def test_erasing_blackens_a_square_in_some_images():
    pixels, changed = augmented(erase=0.5)
    black = (changed == 0).sum((1, 2))
    assert set(black.tolist()) == {0, 9}
    assert 60 < (black == 9).sum() < 140
    assert np.array_equal(changed[changed > 0], pixels[changed > 0])


def test_noise_has_the_standard_deviation_that_was_asked_for():
    pixels, changed = augmented(noise=0.2)
    assert np.std(changed - pixels) == pytest.approx(0.2, rel=0.05)
    assert changed.dtype == np.float32


def separable(m=120):
    """Images whose left or right half is bright."""
    labels = np.arange(m) % 2
    pixels = np.zeros((m, 6, 6), dtype=np.uint8)
    pixels[labels == 0, :, :3] = 200
    pixels[labels == 1, :, 3:] = 200
    return Images(pixels, labels, brightest=200)


def trained(settings, seed=0, samples=None):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(36, 2))
    train(network, samples or separable(), settings, batch_size=16, rng=np.random.default_rng(seed))
    return network


@pytest.mark.parametrize("more", [{}, {"mixup": 0.5}, {"label_smoothing": 0.1}, {"part": 0.5}, {"final_rate": 1.0}])
def test_training_separates_what_can_be_separated(more):
    inputs, labels = separable().tensors()
    network = trained(Settings(0.05, 0.0, 8, **more))
    assert (network(inputs).argmax(1) == labels).all()


def test_the_same_generator_trains_the_same_network():
    one, same, other = (trained(Settings(0.05, 0.0, 2), seed) for seed in (0, 0, 1))
    assert torch.equal(one[1].weight, same[1].weight)
    assert not torch.equal(one[1].weight, other[1].weight)


def test_the_step_is_a_part_of_the_peak_at_first_and_at_the_end():
    """AdamW's first step moves each weight by the learning rate: that of the warm-up, 1/11 of the peak."""
    torch.manual_seed(0)
    before = nn.Sequential(nn.Flatten(), nn.Linear(36, 2))[1].bias.detach().clone()
    samples = separable(16)
    moved = (trained(Settings(0.11, 0.0, 1), samples=samples)[1].bias - before).abs()
    assert moved.max().item() == pytest.approx(0.11 * 0.01 / 0.11, rel=1e-3)


def test_parts_and_fingerprints_of_images():
    images = separable()
    part = images.part(np.array([5, 2]))
    assert part.labels.tolist() == [1, 0]
    assert part.tensors()[0].shape == (2, 1, 6, 6)
    assert part.tensors()[0].max() == 1
    assert images.fingerprint() == separable().fingerprint() != part.fingerprint()
