import sys

from tests.plugins.installing import PLUGIN, ROOT

sys.path.insert(0, str(ROOT / "plugins" / PLUGIN))
