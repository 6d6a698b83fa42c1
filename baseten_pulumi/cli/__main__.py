"""Let `python -m baseten_pulumi.cli` be `baseten-pulumi`."""

import sys

from baseten_pulumi.cli import main

sys.exit(main())
