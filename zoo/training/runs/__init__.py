"""Runs: the folder of a run, checkpoints, and what a killed run needs to end as if it had not been."""
