"""Where the modules of others are that this folder uses; importing it is enough."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
for _folder in ("Tests/Daemons", "scripts", "scripts/vectors"):
    if str(ROOT / _folder) not in sys.path:
        # Behind this folder, so that a name that both have is the one here.
        sys.path.append(str(ROOT / _folder))
