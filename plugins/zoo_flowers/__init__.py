"""First-party plugin: the five flowers of TensorFlow's flower_photos, as a head and a dataset."""
