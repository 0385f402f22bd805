#!/usr/bin/python3
"""Emergency registrations where the operator lets them do without SAs, in rows as those of
scenarios.py: rows C-145 and C-036 of docs/conformance.md. Where he does not: misbehaving.py.
Usage: emergency.py BUILD-DIRECTORY [WAY]
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import scenario
from support.scenario import row

POLICY = "  emergency_registration: unprotected\n"
PCSCF, SCSCF = "  nat: refuse\n", "  algorithm: AKAv1-MD5\n"  # a line of each


@row("C-145", "who registers for an emergency without an agreement is challenged and registered")
def without_agreement(s):
    s.power_on("--emergency")
    s.misbehave("no-agreement")
    with s.counts(emergency_unprotected=2, challenge_rx=1, challenge_tx=0), \
            s.counts("scscf", register_challenged=1, register_initial=1):
        answer = s.say("register")
    if answer["registered"] != 1:
        raise scenario.Broken(f"{answer}")
    s.expect(ues=0, sas=0, registration=1, flag="registered")


@row("C-145", "and has SAs as ever when he offers them")
def with_agreement(s):
    s.power_on("--emergency")
    with s.counts(emergency_unprotected=0, challenge_tx=1):
        s.register()
    s.expect(sets_established=1, sas=4, registration=1, flag="registered")
    s.talk()


@row("C-036b", "and who has agreed on SAs does not answer outside of them")
def clear_response(s):
    s.power_on("--emergency")
    s.misbehave("clear-response")
    with s.counts("scscf", register_initial=0, register_user_failed=0):
        s.register(fails="401")
    s.comes_to_nothing()


@row("C-145", "who registers for no emergency needs an agreement there too")
def no_emergency(s):
    s.misbehave("no-agreement")
    with s.counts(emergency_unprotected=0, register_forwarded=0):
        s.register(fails="421")
    s.expect(ues=0, sas=0, registration=0, flag="unregistered")


if __name__ == "__main__":
    sys.exit(scenario.main((PCSCF, PCSCF + POLICY), (SCSCF, SCSCF + POLICY)))
