#!/usr/bin/python3
"""Rows of docs/conformance.md that are about minutes, each as one short script over the real
processes and a real UE, on a clock that the test moves. Over IPv4 and IPv6, UDP and TCP: four cores
side by side, with the rows of one way each. Usage: scenarios.py BUILD-DIRECTORY [WAY]
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support import scenario, way
from support.scenario import row


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


@row("C-027a", "a network with a wrong MAC is refused, and its SAs go with the answer")
def wrong_mac(s):
    s.misbehave("wrong-mac")
    s.register(fails="403")
    s.expect(sets_temporary=0, sas=0, ues=0, flag="unregistered", registration=0)


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


if __name__ == "__main__":
    sys.exit(scenario.main())
