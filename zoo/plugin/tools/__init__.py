"""Tools for those who write and install plugins: doctor, trial import, scaffold, rows, install."""
