"""Make `python -m baseten_pulumi.cli` the command `baseten-pulumi`."""

import sys

from baseten_pulumi.cli import main

sys.exit(main())
