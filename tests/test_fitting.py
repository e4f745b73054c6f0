"""Blocks go to who takes them; nobody else loses them."""

import numpy as np

from finnet.fitting import Rows, fit_in_blocks


class Taker:
    def fit(self, X, y, X_val=None, y_val=None):
        self.seen = len(y), None if y_val is None else len(y_val)
        return self


TRAIN, LATER = Rows(np.zeros((4, 1)), np.zeros(4)), Rows(np.ones((2, 1)), np.ones(2))


def test_a_block_goes_to_the_estimator_that_takes_it():
    assert fit_in_blocks(Taker(), TRAIN, validation=LATER).seen == (4, 2)


def test_a_block_that_is_not_taken_joins_the_training_rows():
    assert fit_in_blocks(Taker(), TRAIN, validation=LATER, calibration=LATER).seen == (6, 2)


def test_an_empty_block_is_no_block():
    empty = Rows(np.zeros((0, 1)), np.zeros(0))
    assert fit_in_blocks(Taker(), TRAIN, validation=empty).seen == (4, None)
