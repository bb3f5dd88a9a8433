"""``python -m robot_skills.app.gl`` exits 0 when cameras can be rendered here, else says why."""

import sys

from robot_skills.core.errors import MissingDependencyError
from sim.gl import check


def main() -> int:
    try:
        check()
    except MissingDependencyError as error:
        print(f"robot-skills: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
