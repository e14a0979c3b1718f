"""What cannot be tried on this machine is said where it happens, and once more at the end of `make test`."""

import os


def leave_out(what, reason):
    """Says it, and appends it to the file that BCEMR_LEFT_OUT names, if it does."""
    line = "%s: %s" % (what, reason)
    print("skipped " + line, flush=True)
    path = os.environ.get("BCEMR_LEFT_OUT")
    if path:
        with open(path, "a") as file:
            file.write(line + "\n")
