"""Lets the tests of this folder import the modules beside them, and keeps the user's settings out."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

# A proxy stays what the tests in delivery/ reach the package index by; the servers of these tests are on the loopback.
_hosts = [os.environ.get("no_proxy") or os.environ.get("NO_PROXY", ""), "127.0.0.1", "localhost", "::1"]
os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(filter(None, _hosts))
# Instead of ~/.netrc, whose default entry is for every host.
os.environ["NETRC"] = os.devnull
