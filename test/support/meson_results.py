"""meson's log of a test run, as one line for each test."""

import json
import sys

with open(sys.argv[1]) as log:
    for line in log:
        test = json.loads(line)
        name = test["name"].split(":")[-1].strip()
        if test["result"] in ("OK", "EXPECTEDFAIL"):
            print(f"ok {name}")
        elif test["result"] == "SKIP":
            print(f"skipped {name}: the test said so")
        else:
            print(f"FAILED {name}: {test['result']}")
