"""Gradient descent with Keras: what it is fed with, losses, optimizer, mixing, devices, what ends it."""
