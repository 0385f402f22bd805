#!/usr/bin/python3
"""UEs that are wrong in a way that a row of docs/conformance.md is about, and what comes of it: each
row as one short script, as in scenarios.py. Usage: misbehaving.py BUILD-DIRECTORY [WAY]
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import forwarded, process, scenario
from support.scenario import row


def bid_down(s, how):
    """The agreement that comes back is not the one that was made: nothing is established."""
    s.misbehave(how)
    with s.counts(challenge_tx=1, register_bad_agreement=1):
        s.register(fails="494")
    s.comes_to_nothing()


@row("C-056", "a changed value in the P-CSCF's offer is refused, and nothing is established")
def changed_parameter(s):
    bid_down(s, "changed-parameter")


@row("C-056", "a changed list of the P-CSCF's offer is refused, and nothing is established")
def changed_verify(s):
    bid_down(s, "changed-verify")


@row("C-056", "another order of the P-CSCF's offer is refused, and nothing is established")
def reordered_verify(s):
    bid_down(s, "reordered-verify")


@row("C-056", "a changed value in one's own offer is refused, and nothing is established")
def changed_client(s):
    bid_down(s, "changed-client")


@row("C-059a", "who has no algorithm in common with the P-CSCF is not registered without one")
def no_common_algorithm(s):
    s.power_on("--alg", "null", "--ealg", "aes-gcm")
    with s.counts(register_bad_agreement=1, register_forwarded=0):
        s.register(fails="494")
    s.expect(ues=0, sas=0, registration=0, attempt=0, flag="unregistered")


@row("C-015", "over the SAs of the last challenge an answer to the one before is none")
def older_nonce(s):
    s.misbehave("older-nonce")
    # The P-CSCF does not vouch for it: to the S-CSCF it is a first REGISTER, not judged.
    with s.counts(challenge_tx=2, challenge_failed=1, authentication_failed=0), \
            s.counts("scscf", register_challenged=3, register_user_failed=0):
        s.register(fails="403")
    s.expect(sets_established=0, registration=0)
    s.misbehave("none")
    s.register()
    s.expect(sets_established=1, sas=4, registration=1, flag="registered")


@row("C-035b", "who is out of step whatever he is challenged with is not challenged for ever")
def endless_auts(s):
    s.misbehave("endless-auts")
    with s.counts(challenge_tx=3), s.counts("scscf", register_challenged=3, register_resync=3):
        s.register(fails="403")
    s.expect(registration=0, attempt=0, flag="unregistered")
    s.misbehave("none")
    s.register()  # with one more AUTS
    s.expect(sets_established=1, sas=4, registration=1, flag="registered")


@row("C-035b", "who asks again and again instead of answering is not challenged for ever")
def endless_challenges(s):
    s.misbehave("silent")
    for _ in range(5):
        s.register(fails="silent")
    with s.counts("scscf", register_challenged=0, register_throttled=0):
        s.register(fails="403")
    s.expect(registration=0, attempt=0, flag="unregistered")


@row("C-054a", "who begins anew again and again, never the same, has six SAs each way at most")
def many_attempts(s):
    s.register()
    for n_temporary in (1, 2):
        s.power_on("--misbehave", "silent")
        s.register(fails="silent")
        s.expect(sets_established=1, sets_temporary=n_temporary, sas=4 + 4 * n_temporary)
    s.power_on("--misbehave", "silent")
    with s.counts(challenge_tx=0, challenge_failed=1):
        s.register(fails="503")
    s.expect(sets_established=1, sets_temporary=2, sas=12)
    s.after(17)  # by when an honest UE has answered
    s.power_on()
    s.register()
    s.expect(sets_established=1, registration=1, flag="registered")


def refused(s, how, status):
    """Nothing comes of it, and who behaves is registered as ever."""
    s.misbehave(how)
    s.register(fails=status)
    s.expect(ues=0, sas=0, registration=0, attempt=0, flag="unregistered")
    s.misbehave("none")
    s.register()
    s.expect(sets_established=1, sas=4, flag="registered")


@row("C-057a", "who offers no security agreement is told that it is wanted")
def no_agreement(s):
    refused(s, "no-agreement", "421")


@row("C-057a", "and who only says that he knows of it that there is none")
def merely_supported(s):
    refused(s, "merely-supported", "494")


@row("C-145", "nor is an emergency an excuse, unless the operator says so")
def emergency_without_agreement(s):
    s.power_on("--emergency")
    with s.counts(emergency_unprotected=0, challenge_rx=1):  # of who behaves at last
        refused(s, "no-agreement", "421")


@row("C-057b", "who is not the first hop is refused")
def two_vias(s):
    refused(s, "two-vias", "502")


@row("C-053a", "who wants to be reached at another's address is refused")
def foreign_contact(s):
    refused(s, "foreign-contact", "400")


@row("C-053a", "who says that a REGISTER comes from another's address is refused")
def foreign_via(s):
    before = s.pcscf("register_bad_address")
    refused(s, "foreign-via", "400")
    if s.pcscf("register_bad_address") == before:  # it tries all its ports
        raise scenario.Broken("refused for something else")


@row("C-053b", "who has another's address does not get his client port")
def port_of_another(s):
    s.misbehave("same-port")
    s.register()
    s.power_on("--misbehave", "same-port", subscribers=s.others())
    with s.counts(register_port_in_use=4, challenge_rx=0):  # it tries so often
        s.register(fails="400")
    s.expect(sets_established=1, sas=4, registration=1, flag="registered")


@row("C-053b", "nor does anybody his own client port while SAs have it")
def own_port(s):
    s.misbehave("same-port")
    s.register()
    s.misbehave("none")
    s.reregister()
    s.reregister()
    s.expect(sets_established=1, sets_old=1, sas=8)
    s.misbehave("same-port")
    with s.counts(register_port_in_use=1, challenge_rx=0, refreshed=0):
        s.reregister(fails="400")
    s.misbehave("none")
    s.reregister()
    s.expect(sets_established=1, sets_old=1, sas=8, registration=1, flag="registered")
    s.talk()


@row("C-053b", "nor that of the SAs that he asks over")
def current_port(s):
    s.misbehave("same-port")
    s.register()
    s.reregister()  # is not challenged: there are no new SAs
    with s.counts(register_port_in_use=0, challenge_rx=1, challenge_tx=0):
        s.reregister(fails="400")
    s.expect(sets_established=1, sas=4, registration=1, flag="registered")
    s.misbehave("none")
    s.reregister()
    s.expect(sets_established=1, sets_old=1, sas=8, registration=1, flag="registered")
    s.talk()


@row("C-020", "another's identity is registered over nobody's SAs but its owner's")
def foreign_impu(s):
    s.accompany()
    s.misbehave("foreign-impu")
    with s.counts(register_foreign_impi=0, refreshed=1, registered=0):
        answer = s.say("reregister")
    if answer["failures"] != {"403": 1} or answer["registered"] != 1:
        raise scenario.Broken(f"{answer}")
    s.undisturbed()


@row("C-020", "an answer to one's own challenge does not register another's identity")
def foreign_impu_in_answer(s):
    s.power_on(n_ues=2)
    s.misbehave("foreign-impu")
    with s.counts(challenge_tx=1, registered=0):
        s.register(fails="403", command="register 1")
    s.expect(sets_established=0, registration=0)
    s.after(241)
    s.expect(sas=0, ues=0, flag="unregistered")


def asked(s, *commands):
    """What comes to the S-CSCF of what the row's subscriber asks for, all of which goes well."""
    requests = []
    for command in commands:
        listener = forwarded.Listener("edge")
        answer = s.say(command)
        if answer["failures"]:
            raise scenario.Broken(f"{answer}")
        own = [r for r in listener.requests() if r.sender() == s.subscriber["impu"]]
        if not own:
            raise scenario.Broken(f"{command}: nothing was forwarded")
        requests += own
    return requests


@row("C-116a", "who prefers to be another is himself, to the network and to whom he calls")
def foreign_identity(s):
    s.accompany()
    s.misbehave("foreign-identity")
    for r in asked(s, "traffic 1", "call answered"):  # where the called UE looks who it is
        if r.lines("P-Asserted-Identity") != [f"<{s.subscriber['impu']}>"] or \
                r.lines("P-Preferred-Identity"):
            raise scenario.Broken(f"{r.method}: {r.headers}")
    s.undisturbed()


@row("C-141b", "who wants to go by way of another goes the way of his registration")
def foreign_route(s):
    s.accompany()
    s.misbehave("foreign-route")
    for r in asked(s, "traffic 1", "call answered"):
        if not r.is_inside() and r.lines("Route") != ["<sip:orig@127.0.0.1:5090;lr>"]:
            raise scenario.Broken(f"{r.method}: {r.headers}")
    s.undisturbed()


@row("C-117", "and who wants to leave the route of his call does not get on with it")
def changed_route(s):
    s.accompany()
    s.misbehave("changed-route")
    with s.counts(route_refused=2):  # ACK and BYE
        answer = s.say("call answered")
    if answer["failures"] != {"BYE-403": 1}:
        raise scenario.Broken(f"{answer}")
    s.undisturbed()


@row("C-060", "a request in the clear is refused, also of one who is registered")
def clear_request(s):
    s.accompany()
    s.misbehave("clear-request")
    before = s.pcscf("unprotected_refused")
    answer = s.say("traffic 1")
    if not answer["failures"].get("403") or answer["failures"].keys() != {"403"} or \
            s.pcscf("unprotected_refused") - before != answer["failures"]["403"]:
        raise scenario.Broken(f"{answer}")
    s.undisturbed()


@row("C-061", "what comes in the clear to a protected port reaches nobody")
def clear_to_protected(s):
    s.accompany()
    for name, counter in (("clear-udp", "clear_udp_to_protected"),
                          ("clear-tcp", "clear_tcp_to_protected")):
        before = s.counter(counter)
        with s.counts(unprotected_refused=0, not_registered_refused=0):
            s.say(f"attack {name} 5")
            process.wait_until(name, lambda: s.counter(counter) == before + 5, scenario.LATE_S)
    s.undisturbed()


@row("C-092", "over the SAs of a challenge that is not answered nothing is asked but REGISTER")
def early_request(s):
    s.misbehave("early-request")
    with s.counts(challenge_tx=1, not_registered_refused=1, ue_request_forwarded=0):
        s.register(fails="403")
    s.expect(sets_established=0, registration=0)
    s.after(241)
    s.expect(sas=0, ues=0, flag="unregistered")


@row("C-045", "nobody but the P-CSCF says that an answer came inside the SAs")
def forged_indicator(s):
    s.misbehave("forged-indicator")
    with s.counts("scscf", register_challenged=2, register_initial=0, register_user_failed=0):
        s.register(fails="401")
    s.comes_to_nothing()


@row("C-036b", "an answer outside the SAs is a first REGISTER: it is challenged, not judged")
def clear_response(s):
    s.misbehave("clear-response")
    s.register(fails="401")
    s.comes_to_nothing()


if __name__ == "__main__":
    sys.exit(scenario.main())
