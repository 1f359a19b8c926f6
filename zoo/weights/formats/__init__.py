"""Reads weight files as data: PyTorch state dicts, HDF5 files of Keras."""
