"""The inputs that every peer gets: the same numbers as ../parts/inputs.mjs and ../cpp/world.cc make."""

import numpy as np


def input_data(name, dtype, shape):
    """dtype: a numpy dtype. Shape: a list."""
    elements = int(np.prod(shape, dtype=np.int64))
    steps = (np.arange(elements, dtype=np.int64) * 7919) % 1000
    mask = "mask" in name
    zero = "type" in name or "segment" in name
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        values = np.ones(elements) if mask else steps / 1000 - 0.5
    else:
        values = np.ones(elements) if mask else steps * 0 if zero else steps
        if dtype.itemsize == 1:
            values = values & 1
    return values.astype(dtype).reshape(shape)


def first_values(array):
    """What the ready line tells of an output."""
    about = {"dtype": str(array.dtype), "bytes": int(array.nbytes)}
    if array.dtype.kind == "f":
        about["first"] = [float(value) for value in array.reshape(-1)[:4]]
    return about
