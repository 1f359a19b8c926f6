"""The command line: thin verbs over the Python API; one module per verb, imported when that verb runs."""
