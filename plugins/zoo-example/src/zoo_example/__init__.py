"""zoo-example: a plugin for zoo that shows the public door; drawn shapes, what they are and where."""
