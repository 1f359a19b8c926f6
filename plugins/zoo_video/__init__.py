"""Video: clips, frame by frame through a frozen network of images, with what moves between frames beside it."""
