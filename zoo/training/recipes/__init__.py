"""Recipes: named, read from files, changed by arguments, resolved on a base, chosen from what was measured."""
