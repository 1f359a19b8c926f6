"""Commands for people who work on zoo itself; not shipped."""
