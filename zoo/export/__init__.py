"""Models as files: `.keras`, SavedModel, ONNX, LiteRT, OpenVINO and formats of plugins; written whole, checked, opened.

This package imports nothing when it is imported: an exported file is answered from without Keras.
"""
