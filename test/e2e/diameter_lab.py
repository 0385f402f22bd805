#!/usr/bin/python3
"""The lab with Cx over Diameter: UEs that really register, over ESP, and the HSS is another node.

C-133 … C-136. Usage: diameter_lab.py BUILD-DIRECTORY
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import lab, results

N_UES = 20


def main():
    report = results.Report()
    status, seen, said = lab.run(os.path.abspath(sys.argv[1]), "--diameter", "--ues", str(N_UES),
                                 "--seconds", "1")
    report.check(f"lab: {N_UES} UEs register with an HSS behind Diameter, and everything holds",
                 status == 0 and seen is not None, said)
    return report.exit_status()


if __name__ == "__main__":
    sys.exit(main())
