#!/usr/bin/python3
"""Rows of docs/conformance.md that are about minutes, each as one short script over the real
processes and a real UE, on a clock that the test moves. Over IPv4 and IPv6, UDP and TCP: four cores
side by side, with the rows of one way each. Usage: scenarios.py BUILD-DIRECTORY [WAY]
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import process, results, sandbox, scenario, way
from support.scenario import row

LIMIT_S = 240  # of real time, for those of a way


@row("C-030", "no answer to a challenge in time: the flag is unregistered again")
def await_timeout(s):
    s.misbehave("silent")
    s.register(fails="silent")
    s.expect(flag="pending", attempt=1)
    s.after(238)
    s.expect(flag="pending", attempt=1)
    s.after(3)
    s.expect(flag="unregistered", attempt=0)


@row("C-030", "of who is registered the flag stays, whatever an attempt in the clear comes to")
def await_timeout_of_registered(s):
    s.register()
    s.power_on("--misbehave", "silent")
    s.register(fails="silent")
    s.expect(flag="registered", registration=1, attempt=1)
    s.after(241)
    s.expect(flag="registered", registration=1, attempt=0, sets_established=1, sas=4)


@row("C-083a", "a challenge that nobody answers has its SAs for four minutes")
def temporary_lifetime(s):
    s.misbehave("silent")
    s.register(fails="silent")
    s.expect(sets_temporary=1, sas=4)
    s.after(238)
    s.expect(sets_temporary=1, sas=4)
    s.after(3)
    s.expect(sets_temporary=0, sas=0, ues=0)


@row("C-083b", "the next challenge ends the temporary set before it")
def next_challenge(s):
    s.misbehave("silent")
    s.register(fails="silent")
    s.register(fails="silent")
    s.expect(sets_temporary=1, sas=4)
    s.after(241)
    s.expect(sets_temporary=0, sas=0)


@row("C-084", "SAs live for the registration's time and 30 seconds more")
def established_lifetime(s):
    s.register()
    s.expect(sets_established=1, sas=4, flag="registered")
    s.after(628)
    s.expect(sets_established=1, sas=4)
    s.after(3)
    s.expect(sets_established=0, sas=0, ues=0)


@row("C-022a", "the S-CSCF's registration outlives the UE's, then the HSS hears of its end")
def registration_expires(s):
    s.register()
    s.after(602)
    s.expect(registration=1, flag="registered")
    s.after(30)
    s.expect(registration=0, flag="unregistered")


@row("C-023", "wrong answers in the name of who is registered end nothing of his")
def registered_victim(s):
    s.register()
    s.power_on("--misbehave", "wrong-res")
    both = s.n_registers() + 2
    if s.way.transport == "tcp":  # an answer takes the connection of its request
        s.register(fails="403")
    else:  # it leaves by the SAs that the registered one has (C-087 b), and this one does not know
        s.meanwhile("register", 3, 5, 9, 17, 100, begun=lambda: s.n_registers() >= both,
                    fails="timeout")
    s.expect(flag="registered", registration=1, sets_established=1)
    s.after(250)
    s.expect(flag="registered", registration=1, sets_established=1, sas=4)


@row("C-027a", "a network with a wrong MAC is refused, and its SAs are gone after four minutes")
def wrong_mac(s):
    s.misbehave("wrong-mac")
    s.register(fails="403")
    s.expect(sets_temporary=1, sas=4, flag="unregistered", registration=0)
    s.after(241)
    s.expect(sets_temporary=0, sas=0)


@row("C-031a", "an ISIM that is ahead says so, and registers with the next challenge")
def resynchronisation(s):
    s.power_on("--misbehave", "out-of-range-sqn")
    s.register()
    s.expect(sets_established=1, sets_temporary=0, sas=4, flag="registered")
    s.after(628)
    s.expect(sets_established=1, sas=4)


@row("C-085", "who begins anew in the clear loses its older SAs with the success, not before")
def starts_anew(s):
    s.register()
    s.expect(sets_established=1, sas=4)
    s.power_on("--misbehave", "silent")
    s.register(fails="silent")
    s.expect(sets_established=1, sets_temporary=1, sas=8)
    s.misbehave("none")
    s.register()
    s.expect(sets_established=1, sets_temporary=0, sets_old=0, sas=4)


@row("C-086a", "after a re-authentication the old SAs have 128 seconds from the new ones' use on")
def old_set(s):
    s.register()
    s.reregister()  # not challenged, by policy: every second one is
    s.expect(sets_established=1, sas=4)
    s.reregister()
    s.expect(sets_established=1, sets_old=1, sas=8)
    s.talk()
    s.after(125)
    s.expect(sets_established=1, sets_old=1, sas=8)
    s.after(4)
    s.expect(sets_established=1, sets_old=0, sas=4)
    s.talk()


@row("C-086a", "while the new SAs are not used, the old ones stay for as long as they had")
def unused_set(s):
    s.register()
    s.reregister()
    s.reregister()
    s.after(300)
    s.expect(sets_established=1, sets_old=1, sas=8)


@row("C-091", "a re-authentication keeps port_us and port_ps, and takes other port_uc and port_pc")
def ports(s):
    s.register()
    before = s.ports()
    s.reregister()
    s.reregister()
    s.talk()
    s.after(129)
    s.expect(sets_established=1, sets_old=0, sas=4)
    after = s.ports()
    if before["us"] != after["us"] or before["ps"] != after["ps"] or \
            before["uc"] == after["uc"] or before["pc"] == after["pc"]:
        raise scenario.Broken(f"before {before}, after {after}")


@row("C-087a", "a failed re-authentication takes the new SAs alone, and the user stays registered")
def failed_reauthentication(s):
    s.register()
    s.reregister()
    s.misbehave("wrong-res")
    s.reregister(fails="403")
    s.expect(sets_established=1, sets_temporary=0, flag="registered", registration=1)
    s.after(8)
    s.expect(sets_established=1, sets_ending=0, sas=4)
    s.talk()


@row("C-087a", "a failed first authentication leaves nothing")
def failed_authentication(s):
    s.misbehave("wrong-res")
    s.register(fails="403")
    s.expect(sets_established=0, sets_temporary=0, flag="unregistered", registration=0)
    s.after(8)
    s.expect(sas=0, ues=0)


@row("C-088", "a refresh without a challenge moves the end of the SAs, and their keys stay")
def refresh(s):
    s.register()
    before = sorted(sa["spi"] for sa in s.sas())
    s.after(400)
    s.reregister()
    s.after(300)
    s.expect(sets_established=1, sas=4, registration=1)
    if sorted(sa["spi"] for sa in s.sas()) != before:
        raise scenario.Broken("the SAs are others")
    s.talk()
    s.after(331)
    s.expect(sets_established=0, sas=0, registration=0)


@row("C-089", "after a de-registration the SAs wait 128 seconds for last messages")
def deregistration(s):
    s.register()
    s.talk()
    s.deregister()
    s.expect(sets_established=0, sets_ending=1, sas=4, registration=0, flag="unregistered")
    s.after(125)
    s.expect(sets_ending=1, sas=4)
    s.after(4)
    s.expect(sets_ending=0, sas=0, ues=0)


@row("C-026a", "an answer under a wrong IK is dropped without a word, again and again")
def wrong_ik(s):
    dropped = s.counter("esp_bad_icv")
    s.misbehave("wrong-ik")
    s.meanwhile("register", 3, 5, 9, 17, 100, begun=lambda: s.counter("esp_bad_icv") > dropped,
                fails="timeout")
    s.expect(sets_temporary=1, sas=4, flag="pending")
    # Over TCP it is the SYN, which the kernel repeats by a clock that no test moves.
    if s.counter("esp_bad_icv") < dropped + (4 if s.way.transport == "udp" else 1):
        raise scenario.Broken("nothing was dropped for its ICV")
    s.after(120)
    s.expect(sets_temporary=0, sas=0, flag="unregistered")


@row("C-056", "a changed value in the P-CSCF's offer is refused, and nothing is established")
def changed_parameter(s):
    s.misbehave("changed-parameter")
    with s.counts(challenge_tx=1, register_bad_agreement=1):
        s.register(fails="494")
    s.expect(sets_established=0, registration=0)
    s.after(241)
    s.expect(sets_temporary=0, sas=0, flag="unregistered")


@row("C-056", "a changed list of the P-CSCF's offer is refused, and nothing is established")
def changed_verify(s):
    s.misbehave("changed-verify")
    s.register(fails="494")
    s.expect(sets_established=0, registration=0)
    s.after(241)
    s.expect(sets_temporary=0, sas=0, flag="unregistered")


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


def write_long(s):
    """They write texts of 3 KB to each other, all of which arrive whole."""
    answer = s.say("traffic 1 3000")
    if answer["failures"] or not answer["messages_sent"] == answer["messages_ok"] == \
            answer["messages_received"] > 0:
        raise scenario.Broken(f"{answer}")
    return answer["messages_sent"]


# RFC 3261 18.1.1, TS 24.229 4.2A.
@row("C-068a", "what is too long for UDP goes by TCP in the SAs of those who speak UDP",
     ways=(way.UDP4, way.UDP6))
def long_messages(s):
    s.accompany()
    by_size, fell_back = s.pcscf("txn_by_size"), s.pcscf("txn_fell_back")
    cut = s.counter("fragment_split")
    n = write_long(s)
    if s.pcscf("txn_by_size") < by_size + n or s.pcscf("txn_fell_back") != fell_back or \
            s.counter("fragment_split") != cut:
        raise scenario.Broken(f"{n} sent, not all by TCP")
    s.undisturbed()


@row("C-068a", "and to who refuses TCP in fragments", ways=(way.UDP4, way.UDP6))
def long_messages_without_tcp(s):
    s.accompany("--no-tcp")
    fell_back, known = s.pcscf("txn_fell_back"), s.pcscf("txn_known_to_refuse")
    cut = s.counter("fragment_split")
    n = write_long(s)
    tried, spared = s.pcscf("txn_fell_back") - fell_back, s.pcscf("txn_known_to_refuse") - known
    if not tried or tried + spared != n or s.counter("fragment_split") < cut + n:
        raise scenario.Broken(f"{n} sent, {tried} after TCP was refused, {spared} knowing that")
    s.undisturbed()


@row("C-036b", "an answer outside the SAs is a first REGISTER: it is challenged, not judged")
def clear_response(s):
    s.misbehave("clear-response")
    s.register(fails="401")
    s.expect(sets_established=0, registration=0)
    s.after(241)
    s.expect(sets_temporary=0, sas=0, flag="unregistered")


def scene(build, by):
    report = results.Report()
    sandbox.enter()
    sandbox.limit(LIMIT_S)
    # Every second re-registration is challenged, so that rows have both.
    s = scenario.Scenario(build, by, ("  reauth_every: 0\n", "  reauth_every: 2\n"))
    try:
        s.run(report)
    finally:
        s.stop()
    return report.exit_status()


def main():
    if len(sys.argv) > 2:
        return scene(os.path.abspath(sys.argv[1]), way.named(sys.argv[2]))
    return results.ways(*(one.name for one in way.WAYS))


if __name__ == "__main__":
    sys.exit(main())
