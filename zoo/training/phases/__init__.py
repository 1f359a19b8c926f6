"""The phases of a recipe: the head solved exactly, the head by gradient descent on features, stages on examples."""
