"""`python -m zoo.cli`: the command line where the `zoo` script is not on the path."""

import sys

from zoo.cli.main import main

sys.exit(main())
